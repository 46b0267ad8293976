COMMANDS = run reset test test-unit test-e2e test-postgres check-more walkthrough guide lint bench lock setup setup-dev

.PHONY: $(COMMANDS)
$(COMMANDS):
	@python3 dev.py $@ $(ARGS)
