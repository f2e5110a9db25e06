package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// attack is bytes that somebody with hands on the cable writes into it.
type attack struct {
	name    string
	writes  []func() []byte // each for its moment, with a pause after it
	counted vital.EventKind // the signed event by which the gateway tells of it; 0: it says nothing, only the counts do
}

// patience bounds every wait for something to happen. It is far more than an
// emulated gateway takes, also where it shares a processor with much else.
const patience = 5 * time.Minute

// result is what one run of the scenario found out.
type result struct {
	counts
	began    time.Duration // from power to the serial port's being open
	verified time.Duration // from power to the first reading verified at the receiver
	again    time.Duration // the same after the power cut
	memory   int           // KiB, the most that the agent had resident
	attacks  int
	refused  []string // of the attacks, by name
	problems []string // what should not be
}

// scenario is one night at the bedside.
type scenario struct {
	*rig
	outage time.Duration // of the network
	result result
}

// errEnded says that the gateway went down by itself.
var errEnded = errors.New("the gateway has ended")

// run goes through all that happens at the bedside. An error says what did not
// happen; then the console of the gateway tells more.
func (s *scenario) run(ctx context.Context) error {
	steps := s.usual()
	if s.kind.steps != nil {
		steps = s.kind.steps(s)
	}
	began := time.Now()
	for _, step := range steps {
		s.say("%4.0f s  %s", time.Since(began).Seconds(), step.name)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	s.result.counts = s.ledger.counts()
	s.result.memory = s.console.memory()
	s.result.judge(&s.kind)
	return nil
}

// step is one thing that happens at a bedside.
type step struct {
	name string
	do   func(context.Context) error
}

// usual is what happens to every sensor.
func (s *scenario) usual() []step {
	return []step{
		{"power on", s.powerOn},
		{"unplug the serial adapter and plug it in again", s.replug},
		{fmt.Sprintf("pull the network cable for %v", s.outage), s.cutNetwork},
		{"cut the gateway's power, and boot it on the same disk", s.cutPower},
		{"put another sensor in the place of the first", s.swap},
		{"write into the serial line", s.inject},
		{"switch the sensor off", s.settle},
	}
}

// await waits for something that holds says of the ledger.
func (s *scenario) await(ctx context.Context, what string, holds func(*ledger) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if s.guest != nil {
		ctx = whileRunning(ctx, s.guest.Ended())
	}
	if s.ledger.until(ctx, func() bool { return holds(s.ledger) }) {
		return nil
	}
	if err := context.Cause(ctx); errors.Is(err, errEnded) {
		return err
	}
	return fmt.Errorf("waited in vain for %s", what)
}

// whileRunning returns a context that ends with a machine too.
func whileRunning(parent context.Context, ended <-chan struct{}) context.Context {
	ctx, cancel := context.WithCancelCause(parent)
	go func() {
		select {
		case <-ended:
			cancel(errEnded)
		case <-parent.Done():
			cancel(parent.Err())
		}
	}()
	return ctx
}

// awaitNew waits for some readings that a sensor makes from now on.
func (s *scenario) awaitNew(ctx context.Context, sensor, n int) error {
	old := s.madeBy(sensor)
	return s.await(ctx, fmt.Sprintf("%d new readings of sensor %d", n, sensor), func(l *ledger) bool {
		fresh := 0
		for made := range l.made {
			if made.sensor == sensor {
				fresh += max(0, l.received[made]-old[made])
			}
		}
		return fresh >= n
	})
}

// awaitAll waits for each of the readings that want has, but for as many as lost
// says that the cable may have lost meanwhile.
func (s *scenario) awaitAll(ctx context.Context, what string, want map[id]int, lost func() int) error {
	missing := 0
	err := s.await(ctx, what, func(l *ledger) bool {
		missing = 0
		for n, times := range want {
			missing += max(0, times-l.received[n])
		}
		return missing <= lost()
	})
	if err != nil {
		return fmt.Errorf("%w: %d of %d are missing", err, missing, len(want))
	}
	return nil
}

// nothing is lost of what a sensor keeps until it is acknowledged.
func nothing() int { return 0 }

// onTheCable returns a function that says how many lines of a sensor that waits for
// nobody may be lost since now because an emulated gateway that was given no
// processor did not take them: those that lay in what was not taken, and of each
// piece the line that it begins in and the one that it runs into.
func (s *scenario) onTheCable() func() int {
	if s.kind.acknowledged {
		return nothing
	}
	before := s.wire.Lost()
	return func() int {
		now := s.wire.Lost()
		return (now.Bytes-before.Bytes)/shortestLine + 2*(now.Pieces-before.Pieces)
	}
}

// madeBy returns what a sensor made so far, and how often.
func (s *scenario) madeBy(sensor int) map[id]int {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	made := maps.Clone(s.ledger.made)
	maps.DeleteFunc(made, func(n id, _ int) bool { return n.sensor != sensor })
	return made
}

// awaitEvent waits until an event has been received more than before times.
func (s *scenario) awaitEvent(ctx context.Context, kind vital.EventKind, before int) error {
	return s.await(ctx, fmt.Sprintf("the event %q", kind), func(l *ledger) bool { return l.events[kind] > before })
}

func (s *scenario) seen(kind vital.EventKind) int {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return s.ledger.events[kind]
}

func (s *scenario) powerOn(ctx context.Context) error {
	if err := s.sensors[0].on(); err != nil {
		return err
	}
	if err := s.boot(); err != nil {
		return err
	}
	err := s.await(ctx, "the first reading", func(l *ledger) bool { return len(l.received) > 0 })
	if err != nil {
		return err
	}
	s.result.verified, s.result.began = time.Since(s.guest.Started), s.console.portOpened()
	s.say("          serial port open after %.1f s, first reading verified after %.1f s", s.result.began.Seconds(), s.result.verified.Seconds())
	return s.awaitNew(ctx, 0, s.kind.some)
}

func (s *scenario) replug(ctx context.Context) error {
	lost := s.seen(vital.EventLineLost)
	s.wire.Cut(true)
	adapter := s.gateway.Adapters[0]
	if err := s.guest.Unplug(adapter); err != nil {
		return err
	}
	if err := s.awaitEvent(ctx, vital.EventLineLost, lost); err != nil {
		return err
	}
	s.say("          the receiver has the signed event %q", vital.EventLineLost)
	if err := s.guest.Plug(adapter, adapter.Socket); err != nil {
		return err
	}
	s.wire.Cut(false)
	return s.awaitNew(ctx, 0, s.kind.some)
}

func (s *scenario) cutNetwork(ctx context.Context) error {
	before, lost := s.madeBy(0), s.onTheCable()
	if err := s.guest.Link(false); err != nil {
		return err
	}
	if err := pause(ctx, s.outage); err != nil {
		return err
	}
	if err := s.guest.Link(true); err != nil {
		return err
	}
	during := s.madeBy(0)
	maps.DeleteFunc(during, func(n id, times int) bool { return times == before[n] })
	joined := time.Now()
	if err := s.awaitAll(ctx, "readings of the outage", during, lost); err != nil {
		return err
	}
	s.say("          all %d readings of the outage verified %.1f s after its end", len(during), time.Since(joined).Seconds())
	if n := lost(); n > 0 {
		s.say("          but for up to %d that the cable lost: the gateway had no processor to take them", n)
	}
	return s.awaitNew(ctx, 0, s.kind.some)
}

// darkness is how long the gateway has no power.
const darkness = 2 * time.Second

func pause(ctx context.Context, d time.Duration) error {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *scenario) cutPower(ctx context.Context) error {
	s.powerCut()
	if err := pause(ctx, darkness); err != nil {
		return err
	}
	if err := s.boot(); err != nil {
		return err
	}
	if err := s.awaitNew(ctx, 0, 1); err != nil {
		return err
	}
	s.result.again = time.Since(s.guest.Started)
	s.say("          first new reading verified %.1f s after the power came back", s.result.again.Seconds())
	return s.awaitNew(ctx, 0, s.kind.some)
}

// swap puts the other sensor on the line, and then the first again.
func (s *scenario) swap(ctx context.Context) error {
	before := s.seen(vital.EventWrongDevice) + s.seen(vital.EventUnknownDevice)
	if err := s.sensors[1].on(); err != nil {
		return err
	}
	s.wire.Choose(1)
	if s.kind.proves {
		s.result.attacks++
		err := s.await(ctx, "the event that it is another device", func(l *ledger) bool {
			return l.events[vital.EventWrongDevice]+l.events[vital.EventUnknownDevice] > before
		})
		if err != nil {
			return err
		}
		s.say("          the receiver has the signed event that it is another device")
		s.result.refused = append(s.result.refused, "another sensor")
	} else {
		if err := s.awaitNew(ctx, 1, s.kind.some); err != nil {
			return err
		}
		s.say("          it cannot say who it is: its readings are taken for the first one's")
	}
	s.wire.Choose(0)
	if err := s.sensors[1].off(); err != nil {
		return err
	}
	return s.awaitNew(ctx, 0, s.kind.some)
}

// inject makes each attack, and waits for the gateway to say that it was refused
// and for the sensor's own readings to come through again.
func (s *scenario) inject(ctx context.Context) error {
	for _, a := range s.kind.attacks(s.rig) {
		s.result.attacks++
		if err := s.attack(ctx, a); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		if a.counted == 0 {
			s.say("          %s: nothing of it may come out of the receiver", a.name)
		} else {
			s.say("          %s: the receiver has the signed event %q", a.name, a.counted)
		}
		s.result.refused = append(s.result.refused, a.name)
		if err := s.awaitNew(ctx, 0, s.kind.some); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return nil
}

// attack writes into the line until the gateway tells of it: what meets a frame of
// the sensor on the line only damages both.
func (s *scenario) attack(ctx context.Context, a attack) error {
	if a.counted == 0 {
		for range 3 {
			s.wire.Inject(a.writes[0]())
			if err := pause(ctx, 300*time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	}
	before := s.seen(a.counted)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		again := time.NewTicker(2 * time.Second)
		defer again.Stop()
		for {
			for _, write := range a.writes {
				s.wire.Inject(write())
				if pause(ctx, 300*time.Millisecond) != nil {
					return
				}
			}
			select {
			case <-again.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return s.awaitEvent(ctx, a.counted, before)
}

// settle waits until everything that was acknowledged has been received.
func (s *scenario) settle(ctx context.Context) error {
	if err := s.awaitNew(ctx, 0, s.kind.some); err != nil {
		return err
	}
	if err := s.sensors[0].off(); err != nil {
		return err
	}
	s.ledger.mu.Lock()
	acked := maps.Clone(s.ledger.acked)
	s.ledger.mu.Unlock()
	if err := s.awaitAll(ctx, "readings that were acknowledged to the sensor", acked, nothing); err != nil {
		s.result.problems = append(s.result.problems, err.Error())
	}
	return nil
}

// judge says what of the counts should not be.
func (r *result) judge(k *kind) {
	if r.missing > 0 {
		r.problems = append(r.problems, fmt.Sprintf("%d are missing that were acknowledged to the sensor", r.missing))
	}
	if r.doubled > 0 {
		r.problems = append(r.problems, fmt.Sprintf("%d came twice out of the receiver", r.doubled))
	}
	if r.strange > 0 {
		r.problems = append(r.problems, fmt.Sprintf("%d came out of the receiver that no sensor made", r.strange))
	}
	if k.acknowledged && r.acked == 0 {
		r.problems = append(r.problems, "nothing was acknowledged to the sensor")
	}
	if len(r.refused) != r.attacks {
		r.problems = append(r.problems, fmt.Sprintf("%d of %d attacks were refused", len(r.refused), r.attacks))
	}
}

// print writes the counts for people.
func (r *rig) print(res *result) {
	r.say("\n%s on linux/%s", r.kind.title, r.arch)
	r.say("  %-22s %6d", r.kind.unit+" made", res.made)
	if r.kind.acknowledged {
		r.say("  acknowledged to it     %6d", res.acked)
	}
	r.say("  received and verified  %6d, with %d readings, a second of a wave being one", res.received, res.readings)
	if r.kind.acknowledged {
		r.say("  missing                %6d of those acknowledged", res.missing)
	} else {
		r.say("  never heard            %6d: this sensor waits for nobody, and the line or the gateway was off", res.lost)
	}
	r.say("  doubled                %6d", res.doubled)
	r.say("  made by no sensor      %6d", res.strange)
	r.say("  attacks refused        %6d of %d", len(res.refused), res.attacks)
	r.say("  serial port open %.1f s after power, first reading verified after %.1f s", res.began.Seconds(), res.verified.Seconds())
	if res.again > 0 {
		r.say("  first new reading verified %.1f s after the power cut", res.again.Seconds())
	}
	r.say("  the agent had %.1f MiB of memory at most", float64(res.memory)/1024)
	for _, p := range res.problems {
		r.say("PROBLEM: %s", p)
	}
}
