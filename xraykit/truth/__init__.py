"""What a model's figures are worth: on films from elsewhere, without the lungs, beside chance.

data_audit/  what films give away before anything learns from them. audit: all of it as one job; collect: a folder's
             films read once, measure: what is kept of each; twins: films that are one picture; patients: whose films
             they are; probes: what tells the class without a lung; columns: class against source, age, ...; findings:
             limits and words; record: the result as plain data
"""
