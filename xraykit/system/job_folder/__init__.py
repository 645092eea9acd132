"""The folder of one long job.

job_folder  files replaced whole or grown by whole lines, a lock, a request to stop
record      what a file of it says of the job's state
"""
