"""Any target as a model of the Adversarial Robustness Toolbox or of foolbox, and their attacks as attacks of ours."""
