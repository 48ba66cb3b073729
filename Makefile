# holdfast: make demo, make test. The first call makes .venv; later ones see that it is there.
.DEFAULT_GOAL := demo
.PHONY: demo test setup clean

RUN := runs/digits

setup:
	@setup/setup.sh

demo: setup
	@.venv/bin/holdfast run digits --out $(RUN)

test: setup
	@.venv/bin/python -m pytest tests -n 2 --dist loadfile

clean:
	rm -rf .venv .venv.lock runs build dist *.egg-info
