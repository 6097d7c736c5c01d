"""The file that cloud-init leaves in /run at every boot: instance-data.json, made from what the metadata service says.

Plays cloud-init 20.4.1 (RHEL 8's, from which that of Alibaba Cloud Linux 3 comes) with the data source AliYun.
Source: cloudinit/sources/__init__.py (persist_instance_data, process_instance_metadata, redact_sensitive_keys) and DataSourceEc2.py
(crawl_metadata), from which AliYun's is derived; 19.1, 22.1 and 23.2 write the same keys. "ds" has the crawled tree under
"meta-data"; sensitive keys are replaced in this file, which everybody may read, by one sentence.
Simplified: sys_info and merged_cfg are short.
"""

import json
import os

from instance import write_text
from metadata import DEFAULTS, tree

FOLDER = "/run/cloud-init"
REDACTED = "redacted for non-root user"
DOC = ("EXPERIMENTAL: The structure and format of content scoped under the 'ds' key may change in subsequent releases"
       " of cloud-init.")


def leaf(text):
    """As cloud-init decodes one item: an object, the lines of a text, or the text."""
    if text.startswith("{") and text.endswith("}"):
        return json.loads(text)
    return text.splitlines() if "\n" in text else text


def crawled(node):
    return {k: crawled(v) if isinstance(v, dict) else leaf(v) for k, v in node.items()}


def instance_data(machine):
    told = dict(DEFAULTS)
    told.update(machine)
    v1 = {"_beta_keys": ["subplatform"], "region": None, "platform": "ec2",
          "subplatform": "metadata (http://100.100.100.200)", "distro": "alinux", "distro_version": "3",
          "machine": "x86_64", "public_ssh_keys": []}
    for key, value in (("instance-id", told["instance_id"]), ("cloud-name", "aliyun"), ("availability-zone", None),
                       ("local-hostname", told["hostname"])):
        v1[key] = v1[key.replace("-", "_")] = value
    return {"base64_encoded_keys": [], "sensitive_keys": ["merged_cfg"], "merged_cfg": REDACTED,
            "ds": {"_doc": DOC, "_metadata_api_version": "2016-01-01", "meta-data": crawled(tree(told))},
            "sys_info": {"dist": ["alinux", "3", ""], "system": "Linux"}, "v1": v1}


def lay(twin):
    """The file as it is after cloud-init.service has run."""
    path = twin.root(FOLDER + "/instance-data.json")
    write_text(path, json.dumps(instance_data(twin.machine), indent=1, sort_keys=True) + "\n")
    os.chmod(path, 0o644)
