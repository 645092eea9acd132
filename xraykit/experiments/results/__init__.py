"""What the runs of a study gave. Reads run folders, trains nothing.

records    a run as the table has it: its epochs, its best one, where it stands; read once for each version of its files
spread     a figure over several runs: mean, spread and interval
chosen     the trial that read the test films, and what it gave there
sources    what a network gives on films of a source it never saw
overfitting  how training and validation part by freeze depth
ties       which trials cannot be told apart from the best
csv_files  the table as two CSV files, and back
"""
