"""This computer: its folders, files, processes, devices and jobs. Knows no film, no model and no figure.

files           files replaced whole or grown by whole lines; locks; check sums
folders         where models, runs, evaluations, datasets and caches are kept; names a folder may have
job_folder      the folder of one long job: its lock, the request to stop; record: what its files say of its state
jobs            jobs that tell how far they are, each in a process of its own
processes       processes that outlive the page that started them, and those that end with their parent
local_service   a process beside this one, spoken to over a private socket, gone when this one is
devices         the GPUs and the processor, and what they are doing
device_queue    one run at a time on each device, first come first served
text            the one way in which durations, sizes and percentages are written
"""
