"""What an ensemble of random networks is worth: attacked, detected, and shown in the information plane."""
