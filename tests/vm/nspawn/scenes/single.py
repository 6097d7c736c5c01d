"""A fresh single-GPU instance: provisioned, restarted, ready; a third boot proves it again and changes nothing."""


def play(s):
    s.begin("single")
    s.run()
    s.expect_ready()
