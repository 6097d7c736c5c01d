"""Real cloud-init whose last stage comes after multi-user.target (Debian): no deadlock, the restart waits for it."""
from clouds import through_cloud_init


def play(s):
    through_cloud_init(s, "After=multi-user.target\n")
