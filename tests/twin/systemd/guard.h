/*
 * A process around twin-systemd that inherits whatever it leaves behind and kills it, so that no
 * daemon of a unit survives it, however it ends. It passes SIGTERM and SIGINT on, and ends with
 * its exit status.
 */
#pragma once

int guard_run(int (*serve)(const char *dir), const char *dir);
