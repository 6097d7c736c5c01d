"""Real cloud-init whose last stage multi-user.target waits for (RHEL): no deadlock, the restart waits for it."""
from clouds import through_cloud_init


def play(s):
    through_cloud_init(s, "", wanted_by="multi-user.target")
