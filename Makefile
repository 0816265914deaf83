# make help says what there is.
.DEFAULT_GOAL := help
.PHONY: help run test check setup load

help: ## say what there is
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

run: ## build, start relay and recorder with demo clients, print addresses and sign-ins (Ctrl-C stops); other ports: make run ARGS='--relay-port 8090'
	@test -x target/debug/demo || printf '%s\n' 'The first build compiles relay, recorder and some 330 libraries: 5 to 10 minutes on two quiet cores,' \
	  'half an hour on busy ones, and about 3 GB in target/. Cargo says how far it is; then come addresses and sign-ins.'
	@cargo build --locked -p relay -p recorder -p demo
	@exec target/debug/demo $(ARGS)

test: ## install what the tests need (once, into .tools), run every test
	@scripts/setup
	@scripts/test

check: ## formatting, lints, licences, the pages' types and logic
	@scripts/setup
	@scripts/check

setup: ## install what tests and checks need, and nothing else
	@scripts/setup

load: ## put load on a relay of its own and say what it cost: make load ARGS='chat --pairs 50'
	@cargo build --quiet --release --locked -p relay -p recorder -p demo -p loadtest
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && target/release/demo --directory "$$folder" \
	  --relay-port 8090 --recorder-port 8091 --shop-port 8092 -- $(or $(ARGS),chat)
