# gn8v: one Makefile, and this comment is its manual.
#
#   make                 build/gn8v, the agent
#   make demo            provision a simulated single-GPU and a simulated 8-GPU instance, and watch (T=single, T=multi)
#   make check           unit tests and stories (T=pattern narrows, J=n side by side, SANITIZE=1). A test that fails is
#                        played once more; tests/no-second-try lists those that are not
#   make check-all       check, the lints, and unit tests and core stories under clang and sanitizers
#                        (LONG=1: every story, and every byte in the tests that change bytes)
#   make check-vm        whole instances in QEMU, power cuts (LONG=1: many more), an upgrade; needs root and deps --vm.
#                        T=single or T=multi: one of them; ONLY=pattern: of the power cuts, those with this in their
#                        name; SEED=n repeats the random ones. make demo VM=1: only to watch
#   make check-nspawn    scenes with a real systemd, in containers (T=pattern, J=n, LONG=1); needs root and deps --containers
#   make check-machines  both at once. This and check-all take too long for .ci/run
#   make bench-provision wall time, memory and CPU of a provisioning, as ratios of one run
#   make bench-early     the seconds and bytes that fetch.before_restart saves
#   make bench-attest    CPU time of judging 8 GPUs and 4 NVSwitches, beside that of its signatures alone
#   make bench-fetch     a download beside curl, wget and aria2c, on one local server
#   make compare         gn8v and NVIDIA's Python verifier on the same evidence (needs a package index)
#   make check-real      NVIDIA's own nvidia-smi and verifiers, and pip 22.3.1, on simulated devices; needs deps --real
#   make lint            shellcheck, exported names, formatting of what the tools can judge
#   make format          clang-format over the C sources
#   make install         DESTDIR= PREFIX=/usr
#   make dist srpm rpm   build/gn8v-VERSION.tar.gz, the portable source RPM, an RPM for this machine
#   make abi RPM=FILE    what an RPM needs, and whether Alibaba Cloud Linux 3 has it
#   make user-data RPM_URL=URL RPM=FILE [CONFIG=FILE]
#                        build/user-data and build/user-data.b64 for RunInstances; without the file
#                        at hand, RPM_SHA256=HEX RPM_VERSION=V[-RELEASE] instead of RPM=
#   make clean
#
# CC, CFLAGS, CPPFLAGS and LDFLAGS of the caller come last and win. OPENSSL_PC= names another
# pkg-config package of OpenSSL 3, OPENSSL_PREFIX= a folder that holds one. SANITIZE=1 builds with
# AddressSanitizer and UBSan into build-asan; another compiler builds into build-CC.

MAKEFLAGS += -rR
.SUFFIXES:
.DELETE_ON_ERROR:

ifneq ($(filter undefined default,$(origin CC)),)
CC := gcc
endif

PREFIX ?= /usr
KIND := $(if $(filter 1,$(SANITIZE)),-asan)$(if $(filter-out gcc cc,$(notdir $(CC))),-$(notdir $(CC)))
B := build$(KIND)

VERSION := $(shell cat VERSION 2>/dev/null || git describe --tags --always --match 'v[0-9]*' 2>/dev/null || echo 0.1.0)
RPM_VERSION := $(shell echo '$(VERSION)' | sed 's/^v//; s/-/./g; s/^\([0-9a-f]\{7,\}\)$$/0.1.0.git\1/')

N := gn8v-$(RPM_VERSION)

# --- what it needs ------------------------------------------------------------------------------

NEED := libsystemd:239 json-c:0.13 libcurl:7.61 libxml-2.0:2.9
OPENSSL_PC ?= $(firstword $(foreach p,libcrypto libcrypto3 openssl3 libopenssl3,$(if $(shell pkg-config --atleast-version=3.0 $(p) 2>/dev/null && echo yes),$(p))))

GOALS := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out clean format help user-data abi dist srpm,$(GOALS)),)
MISSING := $(foreach n,$(NEED),$(if $(shell pkg-config --atleast-version=$(word 2,$(subst :, ,$(n))) $(word 1,$(subst :, ,$(n))) 2>/dev/null && echo yes),,$(n)))
ifneq ($(strip $(MISSING)),)
$(error missing or too old (name:least version): $(MISSING); packaging/deps installs them)
endif
ifeq ($(OPENSSL_PREFIX)$(OPENSSL_PC),)
$(error OpenSSL 3 was not found by pkg-config: packaging/deps installs it; or set OPENSSL_PC= or OPENSSL_PREFIX=)
endif
endif

PKGS := $(foreach n,$(NEED),$(word 1,$(subst :, ,$(n))))
ifneq ($(OPENSSL_PREFIX),)
SSL_CFLAGS := -isystem $(OPENSSL_PREFIX)/include
SSL_LIBS := -L$(OPENSSL_PREFIX)/lib64 -L$(OPENSSL_PREFIX)/lib -Wl,-rpath,$(OPENSSL_PREFIX)/lib64:$(OPENSSL_PREFIX)/lib -lcrypto
else
SSL_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(OPENSSL_PC) 2>/dev/null))
SSL_LIBS := $(shell pkg-config --libs $(OPENSSL_PC) 2>/dev/null)
endif
DEP_CFLAGS := $(SSL_CFLAGS) $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PKGS) 2>/dev/null))
DEP_LIBS := $(SSL_LIBS) $(shell pkg-config --libs $(PKGS) 2>/dev/null) -ldl

# --- flags --------------------------------------------------------------------------------------

accepts = $(shell printf 'int main(void){return 0;}' | $(CC) -Werror $(1) -x c - -o /dev/null 2>/dev/null && echo '$(1)')
WARN := -Wall -Wextra -Wconversion -Wshadow -Wformat=2 -Wundef -Wstrict-prototypes \
        -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla -Wno-missing-field-initializers
HARDEN_TRY := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full \
              -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr -fstrict-flex-arrays=3
LINK_TRY := -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,-z,defs

BASE_CFLAGS := -std=c17 -O2 -g -fno-strict-aliasing
BASE_CPPFLAGS := -D_GNU_SOURCE -Ilib -I$(B)
ifeq ($(SANITIZE),1)
# gcc raises false warnings under the sanitizers: they are judged in the plain build.
BASE_CFLAGS += -w -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
BASE_LDFLAGS := -fsanitize=address,undefined
else
BASE_CFLAGS += $(WARN) $(if $(CI),-Werror) -fPIE $(foreach f,$(HARDEN_TRY),$(call accepts,$(f)))
BASE_CPPFLAGS += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(if $(call accepts,-O2 -D_FORTIFY_SOURCE=3),3,2)
BASE_LDFLAGS := -pie $(foreach f,$(LINK_TRY),$(call accepts,$(f)))
endif

COMPILE = $(CC) $(BASE_CPPFLAGS) $(DEP_CFLAGS) $(BASE_CFLAGS) -MMD -MP $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) $(BASE_CFLAGS) $(BASE_LDFLAGS) $(CFLAGS) $(LDFLAGS)

# --- sources ------------------------------------------------------------------------------------

LIB_SRC := $(wildcard lib/*/*.c)
AGENT_SRC := $(wildcard agent/*.c agent/steps/*.c agent/cli/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
SYSTEMD_SRC := $(wildcard tests/twin/systemd/*.c)
DEVICES_SRC := $(addprefix tests/twin/devices/,twin.c measure.c issue.c device.c) lib/trust/digest.c \
               $(addprefix lib/core/,base.c err.c str.c fs.c json.c clock.c)

LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
AGENT_OBJ := $(AGENT_SRC:%.c=$(B)/%.o)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(B)/tests/unit/%)
TWIN_SYSTEMD := $(B)/twin-systemd
TWIN_ANSWER := $(B)/twin-answer
DEVICES := $(addprefix $(B)/twin-devices/,twin-devices libnvidia-ml.so libnvidia-nscq.so)


.PHONY: all twin prebuild demo check check-story check-program check-unit check-twin check-packaging check-harness check-all \
        check-clang check-sanitized check-vm check-nspawn check-machines check-real lint lint-symbols lint-gpg format install stage \
        dist srpm rpm abi user-data bench-provision bench-early bench-attest bench-fetch compare clean help

all: $(B)/gn8v

$(B)/gn8v: $(AGENT_OBJ) $(B)/libgn8v.a
	$(LINK) -o $@ $(AGENT_OBJ) $(B)/libgn8v.a $(DEP_LIBS)

$(B)/libgn8v.a: $(LIB_OBJ)
	rm -f $@
	ar rcs $@ $(LIB_OBJ)

# The library is compiled without -Iagent: it cannot reach into policy.
$(B)/lib/%.o: lib/%.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

$(B)/agent/%.o: agent/%.c $(B)/flags.stamp $(B)/version.h
	@mkdir -p $(@D)
	$(COMPILE) -Iagent -c -o $@ $<

# Stamps change only when their content does; two makes may write one at the same time.
stamp = @mkdir -p $(@D); printf '%s\n' $(1) > $@.$$$$; if cmp -s $@.$$$$ $@; then rm $@.$$$$; else mv $@.$$$$ $@; fi

$(B)/flags.stamp: FORCE
	$(call stamp,'$(COMPILE) $(LINK)')

$(B)/version.h: FORCE
	$(call stamp,'#define GN8V_VERSION "$(RPM_VERSION)"')

.PHONY: FORCE
FORCE:

# --- tests --------------------------------------------------------------------------------------

CHECK_CFLAGS = $(patsubst -I%,-isystem %,$(shell pkg-config --cflags check))
CHECK_LIBS = $(shell pkg-config --libs check)
# Every object but the one with main(): the tests may reach each module.
TESTED_OBJ := $(filter-out $(B)/agent/main.o,$(AGENT_OBJ))

$(B)/tests/unit/%: tests/unit/%.c tests/unit/suite.h $(TESTED_OBJ) $(B)/libgn8v.a | $(DEVICES) $(TWIN_ANSWER)
	@mkdir -p $(@D)
	$(COMPILE) -Iagent -Itests/unit $(CHECK_CFLAGS) -MT $@ -c -o $@.o $<
	$(LINK) -o $@ $@.o $(TESTED_OBJ) $(B)/libgn8v.a $(CHECK_LIBS) $(DEP_LIBS)

$(TWIN_SYSTEMD): $(SYSTEMD_SRC) $(wildcard tests/twin/systemd/*.h) $(B)/flags.stamp
	$(COMPILE) -MF $@.d -Itests/twin/systemd -o $@ $(SYSTEMD_SRC) $(BASE_LDFLAGS) $(LDFLAGS) \
	        $(shell pkg-config --libs libsystemd json-c) -lm

# Simulated NVML and NSCQ, and the program that makes their devices' keys. Each has its own copy of
# the library's files, with no name of them visible.
DEVICES_BUILD = @mkdir -p $(@D); $(COMPILE) -Itests/twin/devices -MF $@.d -fPIC -fvisibility=hidden
DEVICES_NEED := $(DEVICES_SRC) $(wildcard tests/twin/devices/*.h lib/core/*.h) tests/unit/forge.h $(B)/flags.stamp
DEVICES_LINK = $(DEVICES_SRC) $(LDFLAGS) $(SSL_LIBS) $(shell pkg-config --libs json-c) -ldl
MANIFEST := tests/twin/devices/manifest.c
ANSWER := $(MANIFEST) tests/twin/devices/responder.c

$(B)/twin-devices/twin-devices: tests/twin/devices/main.c $(MANIFEST) tests/unit/forge_rim.h $(DEVICES_NEED)
	$(DEVICES_BUILD) -o $@ $< $(MANIFEST) $(DEVICES_LINK)

# What the network says of the simulated devices: reference manifests and OCSP answers.
$(TWIN_ANSWER): tests/twin/devices/answer.c $(ANSWER) tests/unit/forge_rim.h tests/unit/forge_ocsp.h $(DEVICES_NEED)
	$(DEVICES_BUILD) -o $@ $< $(ANSWER) $(DEVICES_LINK)

$(B)/twin-devices/libnvidia-ml.so: tests/twin/devices/nvml.c $(DEVICES_NEED)
	$(DEVICES_BUILD) -shared -o $@ $< $(DEVICES_LINK)

$(B)/twin-devices/libnvidia-nscq.so: tests/twin/devices/nscq.c $(DEVICES_NEED)
	$(DEVICES_BUILD) -shared -o $@ $< $(DEVICES_LINK)

# What the package would put on the machine, staged once for all twins.
stage: twin
	@rm -rf $(B)/stage
	@$(MAKE) -s --no-print-directory install DESTDIR=$(CURDIR)/$(B)/stage PREFIX=/usr

TWIN_ENV = GN8V_BIN=$(CURDIR)/$(B)/gn8v TWIN_SYSTEMD=$(CURDIR)/$(TWIN_SYSTEMD) TWIN_STAGE=$(CURDIR)/$(B)/stage \
           TWIN_DEVICES=$(CURDIR)/$(B)/twin-devices TWIN_ANSWER=$(CURDIR)/$(TWIN_ANSWER)

check: prebuild
	+@tests/summary $(MAKE) check-story check-program

# How many may compile, and how many of the programs that test may run: of those, several do little but wait.
PROCESSORS = $(or $(J),$(shell nproc))

# Compiled side by side; what follows finds it made. twin: what a simulated instance needs; prebuild: the unit tests, too.
twin:
	@$(MAKE) --no-print-directory -j$(PROCESSORS) $(B)/gn8v $(TWIN_SYSTEMD) $(DEVICES) $(TWIN_ANSWER)

prebuild: twin
	@$(MAKE) --no-print-directory -j$(PROCESSORS) $(UNIT_BIN)

check-story: stage
	$(TWIN_ENV) tests/story/run $(if $(J),-j $(J)) $(or $(STORIES),$(T))

# All tests that are one program each, and those of one folder. Under a sanitizer the hundreds of processes of test_fetch_ranges
# take longer than Check lets a test take. The first takes longest.
UNIT_TESTS = $(if $(SANITIZE),$(filter-out %/test_fetch_ranges,$(UNIT_BIN)),$(UNIT_BIN))
TWIN_TESTS = $(wildcard tests/twin/*/selftest.sh tests/twin/test_*.py)
PACKAGING_TESTS = tests/packaging/user-data.sh $(filter-out %/user-data.sh,$(wildcard tests/packaging/*.sh))
HARNESS_TESTS = $(wildcard tests/test_*.py)
check-program: TESTS = $(PACKAGING_TESTS) $(HARNESS_TESTS) $(TWIN_TESTS) $(UNIT_TESTS)
check-harness: TESTS = $(HARNESS_TESTS)
check-packaging: TESTS = $(PACKAGING_TESTS)
check-twin: TESTS = $(TWIN_TESTS)
check-unit: TESTS = $(UNIT_TESTS)

check-program check-harness: stage

# Those that have T in their name.
check-program check-packaging check-twin check-unit check-harness: prebuild
	@$(TWIN_ENV) TWIN_ASSETS=$(CURDIR)/build/twin-assets tests/programs -j $(or $(J),$$(($(PROCESSORS) + 2))) \
	  $(if $(T),$(foreach t,$(TESTS),$(if $(findstring $(T),$(t)),$(t))),$(TESTS))

# What check does not do: the other compiler, the sanitizers. All unit tests, and under the sanitizers the stories that reach
# most of the code, under the other compiler a few; with LONG=1 every story.
CORE := single multi second-run native native-8 native-unknown gate-attested run-lock fault-rpm verify-evidence
check-clang:
	$(MAKE) check-unit check-story CC=clang STORIES='$(if $(LONG),,single multi native)'

check-sanitized:
	$(MAKE) check-unit check-story SANITIZE=1 STORIES='$(if $(LONG),,$(CORE))'

check-all: prebuild
	+@tests/summary $(MAKE) check-story check-program lint check-clang check-sanitized

# Whole machines. Their RPM is of the last commit, as every RPM is, and is made once for it; so is the one that the machine
# of eight GPUs is upgraded to, which differs by its version.
NEWER = $(RPM_VERSION).1
BUILT_RPM = build/rpm/RPMS/x86_64/gn8v-$(1)-1*.rpm
NEWEST = $$(ls -t $(CURDIR)/$(call BUILT_RPM,$(1)) 2>/dev/null | head -n 1)
WHOLE = $(TWIN_ENV) VM_RPM=$(call NEWEST,$(RPM_VERSION)) VM_RPM_NEWER=$(call NEWEST,$(NEWER)) tests/vm/run
WHOLE_RPM = $(if $(wildcard $(call BUILT_RPM,$(RPM_VERSION))),,rpm)
CUTS = $(if $(LONG),--cuts 20 --every-state,--cuts 3) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only '$(ONLY)') \
       $(if $(REPORT),--report $(REPORT))

.PHONY: rpm-newer vm-needs nspawn-needs
# Before anything is built for them: whether they can be made here.
vm-needs:
	@tests/vm/run --needs

nspawn-needs:
	@tests/vm/nspawn/run --needs

rpm-newer: $(WHOLE_RPM)
	$(if $(wildcard $(call BUILT_RPM,$(NEWER))),,$(MAKE) rpm RPM_VERSION=$(NEWER))

check-vm: vm-needs $(DEVICES) $(TWIN_ANSWER) $(WHOLE_RPM) $(if $(filter single,$(T)),,rpm-newer)
	$(WHOLE) $(CUTS) $(T)

# What needs a real systemd but no machine of its own.
check-nspawn: nspawn-needs stage
	$(TWIN_ENV) LONG=$(LONG) tests/vm/nspawn/run $(if $(J),-j $(J)) $(T)

# Both at the same time.
check-machines: vm-needs nspawn-needs stage $(DEVICES) $(TWIN_ANSWER) $(WHOLE_RPM) rpm-newer
	LONG=$(LONG) $(WHOLE) --scenes $(CUTS)

ifdef VM
demo: vm-needs $(DEVICES) $(TWIN_ANSWER) $(WHOLE_RPM)
	@$(WHOLE) --demo $(T)
else
demo: stage
	@$(TWIN_ENV) tests/demo $(T)
endif

bench-provision: stage
	@$(TWIN_ENV) tests/bench/provision

bench-early: stage
	@$(TWIN_ENV) tests/bench/provision --early

bench-attest: stage
	@$(TWIN_ENV) tests/bench/attest

$(B)/fetch-one: tests/bench/fetch-one.c $(B)/libgn8v.a
	$(COMPILE) -MF $@.d -o $@ $< $(BASE_LDFLAGS) $(LDFLAGS) $(B)/libgn8v.a $(DEP_LIBS)

$(B)/spent: tests/bench/spent.c $(B)/flags.stamp
	$(COMPILE) -MF $@.d -o $@ $< $(BASE_LDFLAGS) $(LDFLAGS)

bench-fetch: $(B)/fetch-one $(B)/spent
	@BENCH_BUILD=$(CURDIR)/$(B) tests/bench/fetch

compare: stage
	@$(TWIN_ENV) tests/compare/compare

# Not a part of any other target: it needs an archive and a package index.
check-real: stage $(B)/tests/unit/test_pypackage
	+@$(TWIN_ENV) tests/real/run $(T)

# --- lints --------------------------------------------------------------------------------------

SHELLS = packaging/deps packaging/abi cloud-init/make-user-data cloud-init/bootstrap.in tests/vm/debian tests/vm/image tests/vm/root/twin/hardware/init \
         tests/vm/payload/nv-fabricmanager tests/real/fetch tests/real/run tests/real/words \
         $(wildcard tests/story/*.sh tests/real/*.sh tests/packaging/*.sh)

# Of what runs on an instance, nothing tells yum to pass over signatures: a package of ours is excused by localpkg_gpgcheck alone.
lint-gpg:
	! grep -rnI -e '--nogpgcheck' -e 'gpgcheck=0' cloud-init agent lib packaging systemd | grep -v 'localpkg_gpgcheck=0'

lint: lint-symbols lint-gpg
	shellcheck -x -P tests/story -S warning $(SHELLS)
	clang-format --dry-run -Werror $(LIB_SRC) $(AGENT_SRC)

# A library file exports only names that begin with its own.
lint-symbols: $(LIB_OBJ)
	tests/lint-symbols $(LIB_OBJ)

format:
	clang-format -i $(wildcard lib/*/*.[ch] agent/*.[ch] agent/*/*.[ch] tests/unit/*.[ch] tests/twin/*/*.[ch])

# --- packages -----------------------------------------------------------------------------------

install: $(B)/gn8v
	install -D -m 0755 $(B)/gn8v $(DESTDIR)$(PREFIX)/bin/gn8v
	install -d -m 0755 $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/share/gn8v/units $(DESTDIR)/etc/gn8v
	install -m 0644 systemd/gn8v-agent.service systemd/gn8v-ready.target $(DESTDIR)$(PREFIX)/lib/systemd/system/
	install -m 0644 systemd/persistenced-single.service systemd/persistenced-multi.service systemd/*.conf $(DESTDIR)$(PREFIX)/share/gn8v/units/
	install -m 0644 packaging/status.schema.json $(DESTDIR)$(PREFIX)/share/gn8v/
	install -D -m 0644 packaging/gn8v.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/gn8v.conf
	install -D -m 0644 packaging/gn8v.bash-completion $(DESTDIR)$(PREFIX)/share/bash-completion/completions/gn8v
	install -D -m 0644 packaging/gn8v.8 $(DESTDIR)$(PREFIX)/share/man/man8/gn8v.8

dist:
	mkdir -p build
	git archive --prefix=$N/ HEAD > build/$N.tar
	echo '$(RPM_VERSION)' > build/VERSION
	tar -rf build/$N.tar --owner=0 --group=0 --transform 's,^,$N/,' -C build VERSION
	gzip -nf build/$N.tar

srpm: dist
	{ echo '%global gn8v_version $(RPM_VERSION)'; cat packaging/gn8v.spec; } > build/gn8v.spec
	rpmbuild -bs --nodeps --define '_topdir $(CURDIR)/build/rpm' --define '_sourcedir $(CURDIR)/build' build/gn8v.spec

# Where rpm does not manage the machine (Debian) it cannot judge BuildRequires: hence --nodeps there.
rpm: srpm
	rpmbuild --rebuild $$(rpm -q --quiet rpm 2>/dev/null || echo --nodeps) --define '_topdir $(CURDIR)/build/rpm' build/rpm/SRPMS/$N-1*.src.rpm

abi:
	packaging/abi '$(RPM)'

# The version of this tree need not be that of an RPM which lies elsewhere.
ASKED_VERSION = $(if $(filter-out file,$(origin RPM_VERSION)),$(RPM_VERSION))

user-data:
	@mkdir -p build
	cloud-init/make-user-data --rpm-url '$(RPM_URL)' $(if $(RPM),--rpm '$(RPM)',--rpm-sha256 '$(RPM_SHA256)' --version '$(ASKED_VERSION)') \
	        $(if $(CONFIG),--config '$(CONFIG)') --output build/user-data

clean:
	rm -rf build build-*

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//; p' Makefile

-include $(LIB_OBJ:.o=.d) $(AGENT_OBJ:.o=.d) $(UNIT_BIN:=.d)
