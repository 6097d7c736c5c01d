"""NVIDIA's two verifiers: what they print and decide.

Plays nv-local-gpu-verifier 2.5.0 and nv-ppcie-verifier 1.5.0 with nv-attestation-sdk 2.5.0.
Source: for good devices the guide's two sample outputs, whole, which are those of the cloud's own builds (.post6914366: the line on
OCSP_NONCE_DISABLED is theirs); for all else the source of the three packages as PyPI has them, and runs of theirs on simulated
devices (tests/real, tests/fixtures/real/verifier). As the real ones do, they write their logs where they stand; say "Could not fetch
RIM file" after any HTTP error, 403, 404 and 503 alike, without its number, and "rim" in place of "RIM" for a switch; and the second
ends with 0 whatever it found.
Simplified: nothing is verified. The verdict comes from the simulated devices: of each, "measurement" good|bad, "cert"
good|revoked|timeout, "rim" ok|missing|timeout, and from the faults attest-*; its log has no lines. The guide shows a tab as eight
spaces, and so does this; the fault attest-tabs prints the tabs of the real programs. A nonce is random unless devices.json has
"nonces"."""
import glob
import os
import sys

from twinlib import (devices, devices_change, driver_loaded, fault, gpu_open, gpu_reachable, hang, root, say)
import twinrpm

STARS = "*" * 50


class Stopped(Exception):
    """An exception of the real program, with the words that it logs."""


def line(depth, text):
    say(("\t" if fault("attest-tabs") else "        ") * depth + text)


def banner(text):
    pad = " " * ((48 - len(text)) // 2)
    say("%s\n*%s%s%s*\n%s" % (STARS, pad, text, pad, STARS))


def nonce(i):
    given = devices().get("nonces", [])
    return given[i] if i < len(given) else os.urandom(32).hex()


def inventory():
    """The devices, with what the faults do to them."""
    now = devices()
    if fault("gpu-missing") or fault("persistenced-skips-gpu"):
        now["gpus"] = now["gpus"][:-1]
    rejected = fault("attest-rejected")
    if rejected:
        kind, _, index = str(rejected).rpartition(":")
        which = now["switches" if kind == "switch" else "gpus"]
        which[int(index) if index.isdigit() else 0]["measurement"] = "bad"
    unknown = fault("attest-unknown")
    if unknown:
        for one in now["gpus"] + now["switches"]:
            one.update(UNREACHABLE.get(unknown, {"rim": "timeout"}))
    return now


# What stands in the place of "cert" and "rim" of each device: nobody answers in time, an HTTP error, no name server, a clock
# that is far ahead. OCSP comes first, so that what concerns both is said of it.
UNREACHABLE = {"rim-missing": {"rim": "missing"}, "rim-http": {"rim": "http"}, "ocsp": {"cert": "timeout"},
               "ocsp-http": {"cert": "http"}, "network": {"cert": "network"}, "clock": {"cert": "clock"}}
NO_OCSP = {"timeout": "Call to send_ocsp_request timed out after 10 seconds.", "http": "HTTP Error 503: Service Unavailable",
           "network": "<urlopen error [Errno -2] Name or service not known>",
           "clock": "<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired "
                    "(_ssl.c:1006)>"}


def revocation(dev, name, depth=3):
    if dev["cert"] in NO_OCSP:
        raise Stopped(NO_OCSP[dev["cert"]])
    if dev["cert"] == "revoked":
        line(depth, "THE %s IS REVOKED FOR REASON : key_compromise" % name)
        return False
    line(depth, "The certificate chain revocation status verification successful.")
    return True


def not_fetched(dev, kind, rim_id, word):
    """Why there is no RIM, in the words of the exception; "" if there is. A missing one is the VBIOS's."""
    if dev["rim"] == "timeout":
        return "Call to fetch_rim_file timed out after 10 seconds."
    if dev["rim"] == "http" or (dev["rim"] == "missing" and kind == "vbios"):
        say("Could not fetch %s file from RIM service with id : %s" % (word, rim_id))
        return "Unable to fetch RIM file from RIM service: " + rim_id
    return ""


def rim_service(dev, kind, rim_id):
    line(3, "Fetching the %s RIM from the RIM service." % ("VBIOS" if kind == "vbios" else kind))
    why = not_fetched(dev, kind, rim_id, "RIM")
    if why:
        say("Error occurred while fetching the %s RIM from the RIM service due to %s" % (kind, why))
        raise Stopped("Unable to fetch %s RIM from RIM service: %s" % (kind, rim_id))


def rim_fault(of):
    """What is wrong with the RIM of driver, vbios or switch: schema, chain, expired, signature, version."""
    what, _, which = str(fault("attest-rim-bad") or "").partition(":")
    return (what if what != "True" else "chain") if which in ("", of) else ""


def rim_good(kind, title, of=None, calls=0):
    bad = rim_fault(of or kind)
    if bad == "schema":
        raise Stopped("\t\t\tSchema validation of %s RIM failed." % kind)
    line(3, "RIM Schema validation passed.")
    if bad == "version":
        line(3, "The %s version in the RIM file is not matching with the installed %s version." % (kind, kind))
    if bad == "expired":
        say("%s RIM certificate expired on 2024-01-01T00:00:00." % ("BIOS" if of == "switch" else title))
    if bad in ("chain", "expired"):
        raise Stopped("\t\t\t%s RIM cert chain verification failed" % kind)
    line(3, "%s RIM certificate chain verification successful." % kind)
    ocsp_calls(calls)
    line(3, "The certificate chain revocation status verification successful.")
    if bad == "signature":
        raise Stopped("\t\t\tRIM signature verification failed.")
    line(3, "%s RIM signature verification successful." % kind)
    line(3, "%s RIM verification successful" % title)
    return bad != "version"


def measurements(dev, title):
    line(1, "Comparing measurements (runtime vs golden)")
    if dev["measurement"] == "good":
        line(3, "The runtime measurements are matching with the golden measurements." + " " * 28)
        line(2, "%s is in expected state." % title)
        return True
    line(3, "The runtime measurements are not matching with the")
    say("                        golden measurements at the following indexes(starting from 0) :")
    for text in ("[", "9", "]"):
        line(3, text)
    return False


def gpu(i, dev, driver):
    gpu_open("attestation report")
    say("-----------------------------------\nVerifying GPU: " + dev["uuid"])
    line(1, "Driver version fetched : " + driver)
    line(1, "VBIOS version fetched : " + dev["vbios"])
    line(1, "Validating GPU certificate chains.")
    line(2, "The firmware ID in the device certificate chain is matching with the one in the attestation report.")
    line(2, "GPU attestation report certificate chain validation successful.")
    if not revocation(dev, "GH100 A01 GSP BROM"):
        raise Stopped("\t\tGPU attestation report certificate chain revocation validation failed.")
    line(1, "Authenticating attestation report")
    line(2, "The nonce in the SPDM GET MEASUREMENT request message is matching with the generated nonce.")
    line(2, "Driver version fetched from the attestation report : " + driver)
    line(2, "VBIOS version fetched from the attestation report : " + dev["vbios"])
    line(2, "Attestation report signature verification successful.")
    line(2, "Attestation report verification successful.")
    line(1, "Authenticating the RIMs.")
    line(2, "Authenticating Driver RIM")
    rim_service(dev, "driver", "NV_GPU_DRIVER_GH100_" + driver)
    good = rim_good("driver", "Driver")
    line(2, "Authenticating VBIOS RIM.")
    rim_service(dev, "vbios", "NV_GPU_VBIOS_G520_0200_885_" + dev["vbios"].replace(".", "").upper())
    good = rim_good("vbios", "VBIOS") and good
    good = measurements(dev, "GPU") and good
    if good:
        line(1, "GPU %d with UUID %s verified successfully." % (i, dev["uuid"]))
    else:
        say("The verification of GPU %d with UUID %s resulted in failure." % (i, dev["uuid"]))
    return good


def each(one, found, *more):
    """All of them, one after another. As in the real programs an exception ends the loop and leaves the verdict at what
    the devices before it gave: a first good device and a second whose certificate is revoked read as success."""
    good = False
    try:
        for i, dev in enumerate(found):
            good = one(i, dev, *more) and (good or i == 0)
    except Stopped as e:
        say(str(e))
    return good


def gpu_evidence(found):
    say("Number of GPUs available : %d" % len(found))
    for i in range(len(found)):
        say("Fetching GPU %d information from GPU driver." % i)
    say("All GPU Evidences fetched successfully")


def gpu_attest(found):
    say("Set OCSP_NONCE_DISABLED to True while using aliyun's OCSP service")
    if fault("attest-hangs"):
        hang()
    good = each(gpu, found, driver_loaded())
    say("GPU Attestation is Successful." if good else "GPU Attestation failed.")
    return good


def set_ready(value, now):
    if bool(now.get("ready_state")) != value:
        line(1, "Setting the GPU Ready State to " + ("READY" if value else "NOT READY"))
        devices_change(ready_state=int(value))


def leave_log(name):
    """In the folder that it is run in; a verifier that cannot write there does not even begin."""
    try:
        with open(os.path.join(os.getcwd(), name), "w", encoding="utf-8") as f:
            f.write("----------STARTING----------\n")
    except PermissionError as e:
        say("Traceback (most recent call last):\nPermissionError: " + str(e), sys.stderr)
        sys.exit(1)


def failed_early(*causes):
    """Before any evidence is there: main() prints the exceptions, each the cause of the one before."""
    say("Attestation Failed")
    causes = ("Exception: Error occurred while collecting GPU evidence",
              "Exception: Error occurred while initializing the NVML library") + causes
    for i, text in enumerate(causes):
        say("%s%s. %s" % ("  " * i, text, "Caused by:" if i + 1 < len(causes) else ""))
    return 1


def cc_admin(args):
    """python3 -m verifier.cc_admin: exit status 1 when the verdict is not yes."""
    unknown = [a for a in args if a not in ("--user_mode", "--verbose", "--allow_hold_cert", "--ocsp_nonce_disabled")]
    if unknown:
        say("cc_admin.py: error: unrecognized arguments: " + " ".join(unknown), sys.stderr)
        return 2
    now = inventory()
    leave_log("verifier.log")
    say("Generating nonce in the local GPU Verifier ..")
    gpu_open("verifier.cc_admin")
    if not gpu_reachable():
        return failed_early("NVMLError_DriverNotLoaded: Driver Not Loaded")
    if now["shape"] == "multi":
        return failed_early("Exception: Attestation in standalone mode is not supported for PPCIE system")
    if now["gpus"][0]["cc"] != "ON" or fault("cc-off"):
        return failed_early("Exception: System must be running in either confidential compute mode or PPCIE mode to perform "
                            "attestation")
    gpu_evidence(now["gpus"])
    good = gpu_attest(now["gpus"])
    if "--user_mode" not in args:
        set_ready(good, now)
    return 0 if good else 1


def ocsp_calls(count):
    for _ in range(count):
        say("send_ocsp_request called.\nsend_ocsp_request completed successfully")


def switch(i, dev):
    say("-----------------------------------\nVerifying Switch : %d\nNVSwitch info fetched successfully." % i)
    line(1, "Validating Switch certificate chains.")
    line(2, "nvSwitch attestation report certificate chain validation successful.")
    # What the first switch asked for is remembered for the others.
    ocsp_calls(3 if i == 0 else 1)
    if not revocation(dev, "LS_10 A01 FSP BROM"):
        why = "\t\tnvSwitch attestation report certificate chain revocation validation failed."
        say(why)
        raise Stopped(why)
    line(1, "Authenticating attestation report")
    line(2, "The nonce in the SPDM GET MEASUREMENT request message is matching with the generated nonce.")
    line(2, "VBIOS version fetched from the attestation report : " + dev["vbios"])
    say("VBIOS version in attestation report is matching.")
    line(2, "Attestation report signature verification successful.")
    line(2, "Attestation report verification successful.")
    line(1, "Authenticating the RIMs.")
    line(2, "Authenticating VBIOS RIM.")
    good = switch_rim(i, dev)
    good = measurements(dev, "Switch") and good
    if good:
        line(1, "nvSwitch %d verified successfully." % i)
    else:
        say("The verification of nvSwitch %d resulted in failure." % i)
    return good


def switch_rim(i, dev):
    rim_id = "NV_SWITCH_BIOS_5612_0002_890_" + dev["vbios"].replace(".", "").upper()
    line(3, "Fetching the VBIOS RIM from the RIM service.")
    say("fetch_rim_file called.")
    why = not_fetched(dev, "vbios", rim_id, "rim")
    if why:
        say("%sFailed to fetch Vbios RIM file from RIM service due to: %s\nThe verification of nvSwitch %d resulted in failure." % (
            "" if dev["rim"] == "timeout" else "fetch_rim_file raised an exception\n", why, i))
        raise Stopped("Unable to fetch vbios RIM from RIM service: " + rim_id)
    say("fetch_rim_file completed successfully")
    return rim_good("vbios", "VBIOS", "switch", 3 if i == 0 else 0)


STAGES = ["GPU Pre-checks", "Switch Pre-checks", "GPU Attestation", "Switch Attestation", "Topology checks"]


def centred(text, width):
    """As prettytable does: the odd blank goes right of a text of odd length, left of one of even length."""
    spare = width - len(text)
    left = spare // 2 + (spare % 2 if len(text) % 2 == 0 else 0)
    return " " * left + text + " " * (spare - left)


def table(status):
    rows = [("STAGE", "STATUS")] + [(s, status.get(s, "SKIPPED")) for s in STAGES]
    widths = [max(len(r[i]) for r in rows) for i in (0, 1)]
    rule = "+-%s-+-%s-+" % ("-" * widths[0], "-" * widths[1])
    text = ["| %s | %s |" % (centred(a, widths[0]), centred(b, widths[1])) for a, b in rows]
    say("\n".join([rule, text[0], rule] + text[1:] + [rule]))


def nscq_check():
    """libnvidia-nscq must be there, of the driver's version."""
    if not glob.glob(root("/usr/lib64/libnvidia-nscq.so*")):
        raise Stopped("An error occurred while using the PPCIE Verification Tool python3.11: undefined symbol: "
                      "nscq_session_create")
    names = [n for n in twinrpm.packages() if n.startswith("libnvidia-nscq")]
    ours = [twinrpm.split_evr(v)[0] for n in names for v in twinrpm.versions(n)]
    if ours and driver_loaded() not in ours:
        raise Stopped("An error occurred while using the PPCIE Verification Tool NSCQ_RC_WARNING_RDT_INIT_FAILURE")


def switch_attest(found):
    say("Nonce generated: " + nonce(1))
    for dev in found:
        say("Getting evidence details for " + dev["uuid"])
    say("All nvSwitch Evidences fetched successfully")
    banner("PPCIE: Attesting the switches")
    say("Set ocsp_nonce_disabled to True while using aliyun's OCSP service")
    good = each(switch, found)
    say("All nvSwitches Attested Successfully" if good else "nvSwitch Attestation failed")
    banner("PPCIE: Switch attestation result is %s" % good)
    banner("PPCIE: Switch Attestation Completed")
    return good


def word(good):
    return "SUCCESS" if good else "FAILED"


def stages(now, status):
    """The stages in their order; the first that fails ends them. True when all passed."""
    if not now.get("ppcie_loaded") or fault("mgm-none"):
        status["GPU Pre-checks"] = "FAILED"
        banner("PPCIE: Terminating the process as TNVL is not enabled for all the GPUs")
        raise SystemExit
    status["GPU Pre-checks"] = status["Switch Pre-checks"] = "SUCCESS"
    say("Nonce generated: " + nonce(0))
    gpu_evidence(now["gpus"])
    banner("PPCIE: Attesting the GPUs")
    good = gpu_attest(now["gpus"])
    banner("PPCIE: GPU Attestation result: %s" % good)
    banner("PPCIE: GPU Attestation Completed")
    status["GPU Attestation"] = word(good)
    if not good:
        return False
    good = switch_attest(now["switches"])
    status["Switch Attestation"] = word(good)
    if not good:
        return False
    good = len(now["gpus"]) == 8 and len(now["switches"]) == 4
    status["Topology checks"] = word(good)
    return good


def finish(good, now):
    """The real tool takes the ready state back when a stage failed."""
    if bool(now.get("ready_state")) == good:
        banner("PPCIE: GPU state is " + ("READY" if good else "NOT READY"))
    else:
        devices_change(ready_state=int(good))
        banner("PPCIE: Successfully set gpu state to %s" % good)


def ppcie(args):
    """python3 -m ppcie.verifier.verification: exit status 0 whatever the verdict."""
    modes = dict(a.split("=", 1) for a in args if "=" in a)
    if modes != {"--gpu-attestation-mode": "LOCAL", "--switch-attestation-mode": "LOCAL"} or len(args) != 2:
        say("verification.py: error: the following arguments are required: --gpu-attestation-mode, "
            "--switch-attestation-mode", sys.stderr)
        return 2
    now, status = inventory(), {}
    leave_log("verifier.log")
    leave_log("attestation_sdk.log")
    banner("PPCIE: Starting PPCIE Verification Tool")
    gpu_open("ppcie.verifier.verification")
    try:
        if not gpu_reachable():
            raise Stopped("An error occurred while using the PPCIE Verification Tool Error in Initializing NVML library. "
                          "Please install the drivers again and re-try")
        nscq_check()
        banner("PPCIE: Number of GPUs are: %d" % len(now["gpus"]))
        banner("PPCIE: Number of NVSwitches are: %d" % len(now["switches"]))
        if fault("ppcie-no-table"):
            return 0
        finish(stages(now, status), now)
    except Stopped as e:
        banner(str(e))
    except SystemExit:
        pass
    table(status)
    banner("PPCIE: End of PPCIE Verification Tool")
    return 0
