"""The walkthrough: everything that customers do, done in a browser, looked at and written down.

A *flow* is a function that reads as the printed instruction. It knows nothing of pictures, reports
or servers, only of the *walk* that it is handed:

    @flow("registrera", "Registrera dig med e-post", points="1–5", chapter="Registrera dig",
          claims="10400101", registers=True)
    def register(walk: Walk) -> None:
        walk.open("/")
        walk.arrive("En inloggning för alla era kundkonton")
        walk.step("Klicka på **Logga in** uppe till höger.", link("Logga in", BANNER)).click()
        walk.arrive("Logga in")
        ...

- `walk.open(path)` goes to an address, as with a bookmark; `walk.open_from_app()` to the one where
  MittPreZero leads whoever wants to register.
- `walk.arrive(heading, title=, focus=, refused=)` waits for the page with this h1 and checks its
  frame, its title and what has focus (R1–R4 of the rules for every page). `title` where it differs
  from the h1; `focus` where a field takes it; `refused` where an error summary must be there.
- `walk.step(sentence, control)` is one sentence of the instruction and the one control it is about
  (`controls.py`: `link`, `button`, `field`, `tab`, `checkbox`, `place`). **Bold** is on the screen,
  word for word, and that is checked. Its action does it: `.click()`, `.fill(value)`, `.check()`,
  `.scan()` (a QR code: returns the `Authenticator`), `.look()` (nothing is done).
  `mask=` names the parts that differ each time, `show=`, `alt=`, `note=`, `guide=` are the guide's.
- `walk.see(text)` says that the text must be on the page.
- `walk.quietly()` (a with statement): what is done inside is not numbered and not looked at.
- `walk.follow_mail(subject)`: opens the link in the newest such mail to `walk.person`.
- `walk.customer`, `walk.person`, `walk.app`: who does it. The flow says whom it needs (`claims`,
  `registers`, `logs_in_as`, `reads_mail`), the `Stage` hands them out: of the demo data, or of a
  running server elsewhere.

Who looks is a `Recorder` (`step.py`): `before(step, page)` is called when the control is found and
nothing is done yet, `after(step, page)` when it is done. `Inspector` (`inspector.py`) is the
report's. To walk with another one:

    with own_stage() as stage:                        # a portal with the demo data
        cast = stage.prepare(flow)                    # a fresh database for each flow
        walk = Walk(visitor, cast, recorder)
        walk.follow(flow)                             # False: it did not get to the end
        walk.steps                                    # the steps, each with its faults

`walk.follow` never raises for what the product does wrong; faults stand in `step.faults`.
"""
