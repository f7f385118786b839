"""What calls of models used: written with what is written anyway, summed when it is read."""
