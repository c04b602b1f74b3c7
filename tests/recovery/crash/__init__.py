"""Breaking every operation at every driver call and every statement, in a process forked for each break.

`runner` is started on a platform none of whose processes run. It asks each verb of the verb table for its clean run
(`trace`), derives from that the points to break (`points`), and breaks a fresh resource at each (`breaking`). What is
left half done is then the platform's own processes' to settle; `tests/recovery/test_crash_points.py` waits and judges.
"""
