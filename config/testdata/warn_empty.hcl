envy { name = "x" }
# WARN-ANYWHERE: no box is written
