"""A fresh 8-GPU instance, services behind the gate: restarted, ready; a third boot changes nothing."""
from provisioning import provisioned_whole


def play(s):
    provisioned_whole(s, "multi")
