"""How films come into a tab and where they lie meanwhile.

incoming  dropped, by a path, the samples; closed one by one, or all
spool     where dropped films lie: a private folder of this server, gone with it
"""
