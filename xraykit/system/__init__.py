"""This computer: folders, files, locks, jobs, processes, devices and their queue. Imports nothing of ours but Refused.

folders         where models, runs, datasets and caches lie; which names a folder may have
files           files replaced whole or grown by whole lines, locks, check sums
job_folder      the folder of one long job: State, records with types, a lock that is handed on, a request to stop
jobs            jobs in processes of their own that tell how far they are
processes       processes that outlive the one that started them; bare ones that end with it
local_service   a process beside this one, spoken to over a private socket, gone when this one is
devices         the GPUs and the CPU, and what they are doing
device_queue    one run at a time on each device, first come first served
text            how durations, times, sizes and percentages are written
"""
