//go:build amd64 || arm64

package sdk_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/outbox"
	"github.com/vitalseal/vitalseal/sdk/receive"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// perShortLife is how many numbers one short life has.
const perShortLife = 256

// shortLife is the child of TestKilledAtEveryPoint: a gateway's day in a fraction of
// a second. It opens a pipeline, records numbered readings and alerts from
// SDK_FIRST on as SDK_SEED says, under some chains, and closes it. It prints each
// number below which all is covered by a Sync.
func shortLife() error {
	first, seed := envNumber("SDK_FIRST"), envNumber("SDK_SEED")
	conf := sdk.Config{
		Identity: os.Getenv("SDK_IDENTITY"), Broker: os.Getenv("SDK_BROKER"), Data: os.Getenv("SDK_DATA"),
		Renew: time.Second, MaxStored: 4 << 20, // segments of 64 KiB: one is begun every few lives
	}
	conf.Quick(100*time.Millisecond, 50*time.Millisecond)
	if err := beWatched(); err != nil {
		return err
	}
	ctx := context.Background() // whoever started this life ends one that hangs
	p, err := sdk.Open(ctx, conf)
	if err != nil {
		return err
	}
	var devices []*sdk.Device
	for _, name := range []string{"oximeter", "psk"} {
		d, err := p.Device(os.Getenv("SDK_PREFIX") + name)
		if err != nil {
			return err
		}
		devices = append(devices, d)
	}
	s := short{pipeline: p, devices: devices, rng: rand.New(rand.NewPCG(uint64(seed), 0)), next: first}
	if err := s.live(ctx); err != nil {
		return err
	}
	fmt.Println(closingWord)
	ctx, cancel := context.WithTimeout(ctx, sdktest.Patience)
	defer cancel()
	if err := p.Close(ctx); err != nil {
		return err
	}
	fmt.Println(s.next)
	return nil
}

func envNumber(name string) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		panic(err) // the test sets it
	}
	return n
}

// short is what a short life is made of.
type short struct {
	pipeline *sdk.Pipeline
	devices  []*sdk.Device
	rng      *rand.Rand
	next     int
}

func (s *short) live(ctx context.Context) error {
	if s.rng.IntN(4) == 0 {
		if err := s.pipeline.Event(vital.Event{Kind: vital.EventUnknownDevice}); err != nil {
			return err
		}
	}
	for range s.rng.IntN(12) {
		if s.rng.IntN(6) == 0 { // a chain of its own
			if err := s.devices[s.rng.IntN(2)].Label("bed " + strconv.Itoa(s.next)); err != nil {
				return err
			}
		}
		for range 1 + s.rng.IntN(15) {
			if err := s.record(s.devices[s.rng.IntN(2)]); err != nil {
				return err
			}
		}
		if s.rng.IntN(4) == 0 {
			continue // into the same commit, or one that nobody waits for
		}
		if err := s.pipeline.Sync(ctx); err != nil {
			return err
		}
		fmt.Println(s.next)
	}
	return nil
}

// record records the next number, now and then beside a wave that fills segments.
func (s *short) record(d *sdk.Device) error {
	n := s.next
	s.next++
	switch s.rng.IntN(15) {
	case 0:
		return d.Alert(vital.Alert{Source: vital.SpO2, Value: vital.Int(n), Limit: vital.NaN})
	case 1:
		var b vital.Batch
		b.Numerics = append(b.Numerics, spo2(n))
		wave := b.AddWave()
		wave.Code, wave.Unit, wave.Rate, wave.Factor = vital.ECG, vital.Millivolt, vital.Int(1000), vital.Int(1)
		for range 2000 {
			wave.Samples = append(wave.Samples, int32(s.rng.IntN(1<<16)))
		}
		return d.RecordBatch(time.Now(), &b)
	}
	return d.Record(spo2(n))
}

// deliveries are what all lives were promised and what the receiver has.
type deliveries struct {
	mu       sync.Mutex
	received []uint8 // times, by number
	promised []bool
	verdicts map[string]int
	missing  map[message]bool // said to be, and not filled since
	grown    chan struct{}    // closed when something was received
}

// message is one sealed message.
type message struct {
	chain seal.EID
	seq   uint64
}

func newDeliveries(numbers int) *deliveries {
	return &deliveries{
		received: make([]uint8, numbers), promised: make([]bool, numbers),
		verdicts: map[string]int{}, missing: map[message]bool{}, grown: make(chan struct{}),
	}
}

// Write implements receive.Sink.
func (l *deliveries) Write(r *receive.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	verdict := r.Verdict.String()
	if r.Reason != "" {
		verdict += ": " + r.Reason
	}
	l.verdicts[verdict]++
	for seq := r.First; (r.Verdict == receive.Gap || r.Verdict == receive.Filled) && seq <= r.Last; seq++ {
		l.missing[message{r.EID, seq}] = r.Verdict == receive.Gap
	}
	if r.Batch == nil || r.Verdict != receive.Valid {
		return nil
	}
	for i := range r.Batch.Numerics {
		l.count(r.Batch.Numerics[i].Value)
	}
	for i := range r.Batch.Alerts {
		l.count(r.Batch.Alerts[i].Value)
	}
	return nil
}

func (l *deliveries) count(n vital.Decimal) {
	if at := int(n.Mantissa); at >= 0 && at < len(l.received) {
		l.received[at] = min(l.received[at]+1, 255)
	} else {
		l.verdicts["bad: a number that nobody recorded"]++
	}
}

// Sync implements receive.Sink.
func (l *deliveries) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.grown)
	l.grown = make(chan struct{})
	return nil
}

// verdict counts among the numbers of [from, to).
func (l *deliveries) verdict(from, to int) (promised, received, lost, doubled int, examples []int, grown chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := from; n < to; n++ {
		times := l.received[n]
		if times > 0 {
			received++
		}
		if l.promised[n] {
			promised++
		}
		if l.promised[n] && times == 0 {
			lost++
		}
		if times > 1 {
			doubled++
		}
		if (l.promised[n] && times == 0 || times > 1) && len(examples) < 10 {
			examples = append(examples, n)
		}
	}
	return promised, received, lost, doubled, examples, l.grown
}

// deaths counts where all gateways were killed, and where they can be.
type deaths struct {
	mu     sync.Mutex
	killed map[string]int // by point; "" for random moments
	young  map[string]int // how often the first life of a gateway passes each point
	old    map[string]int // and how often a later one did
}

func newDeaths() *deaths {
	return &deaths{killed: map[string]int{}, young: map[string]int{}, old: map[string]int{}}
}

// choose returns the point that was met least among some, at one of the times that a
// life passes it.
func (d *deaths) choose(rng *rand.Rand, young bool) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	passed := d.old
	if young || len(passed) == 0 {
		passed = d.young
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(passed)), func(name string) bool { return name == closingPoint })
	rng.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
	name := slices.MinFunc(names[:1+len(names)/3], func(a, b string) int { return cmp.Compare(d.killed[a], d.killed[b]) })
	return name + "#" + strconv.Itoa(1+rng.IntN(passed[name]))
}

// closing returns one of the calls of a Close, by its number.
func (d *deaths) closing(rng *rand.Rand) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return 1 + rng.IntN(max(1, d.old[closingPoint]))
}

// mortal is one gateway that is killed again and again.
type mortal struct {
	t             *testing.T
	deaths        *deaths
	ledger        *deliveries
	env           []string
	identity      string
	data, prefix  string
	rng           *rand.Rand
	first, end    int           // its numbers
	next          int           // the first of the next life
	length        time.Duration // of a life that was not killed
	kills, closed int
	torn          int
}

// run has lives until so many of them were killed, then one that is not, and waits
// until the receiver has what was promised.
func (m *mortal) run(kills int) {
	for m.kills < kills && m.next+2*perShortLife <= m.end {
		switch {
		case m.kills < 2: // which is when identities are new
			m.live(m.deaths.choose(m.rng, true), 0, m.deaths.closing(m.rng))
		case m.length == 0 || m.rng.IntN(20) == 0:
			m.live("", 0, 0)
		case m.rng.IntN(2) == 0:
			m.live(m.deaths.choose(m.rng, false), 0, m.deaths.closing(m.rng))
		default:
			m.live("", time.Duration(1+m.rng.Int64N(int64(m.length))), m.deaths.closing(m.rng))
		}
		m.check()
		if m.t.Failed() {
			return
		}
	}
	m.live("", 0, 0)
	m.settle()
}

// live is one life. It is killed at the point or after a time, and if it passes
// neither at a call of its Close. An empty point and zeros: it is not killed.
func (m *mortal) live(point string, after time.Duration, closing int) *killpoints {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(slices.Clone(m.env), "SDK_FIRST="+strconv.Itoa(m.next), "SDK_SEED="+strconv.Itoa(m.rng.Int()))
	var last strings.Builder
	cmd.Stderr = &last
	out, err := cmd.StdoutPipe()
	must(m.t, err)
	began := time.Now()
	must(m.t, cmd.Start())
	endless := after == 0
	if endless {
		after = 2 * sdktest.Patience
	}
	timer := time.AfterFunc(after, func() {
		if endless {
			_ = cmd.Process.Signal(syscall.SIGQUIT) // to say where it is
			<-time.After(sdktest.Patience / 10)
		}
		_ = cmd.Process.Kill()
	})
	output, points := bufio.NewScanner(out), newKillpoints(point, closing, m.data, m.identity)
	wait, err := points.start(cmd.Process, output)
	if err == nil {
		m.read(output)
		must(m.t, wait())
	}
	ended := cmd.Wait()
	random := !timer.Stop()
	m.next += perShortLife
	switch {
	case endless && random:
		m.t.Errorf("a life does not end: point %q\n%s", point, last.String())
	case points.killed != "" || random && ended != nil:
		m.kills++
		m.deaths.mu.Lock()
		m.deaths.killed[points.killed]++
		m.deaths.mu.Unlock()
	case err != nil || ended != nil:
		m.t.Errorf("a life that was not killed (point %q): %v, %v\n%s", point, err, ended, last.String())
	default:
		m.closed++
		m.length = time.Since(began)
		m.passed(points.passed)
	}
	return points
}

// read takes what a life prints, and notes what it was promised.
func (m *mortal) read(lines *bufio.Scanner) {
	promised := m.next
	for lines.Scan() {
		if lines.Text() == closingWord {
			continue
		}
		n, err := strconv.Atoi(lines.Text())
		if err != nil || n < promised {
			break // cut off by the kill: not printed
		}
		promised = n
	}
	m.ledger.mu.Lock()
	defer m.ledger.mu.Unlock()
	for n := m.next; n < promised; n++ {
		m.ledger.promised[n] = true
	}
}

// passed notes where a life that was not killed could have been.
func (m *mortal) passed(points map[string]int) {
	m.deaths.mu.Lock()
	defer m.deaths.mu.Unlock()
	into := m.deaths.old
	if m.next == m.first+perShortLife {
		into = m.deaths.young
	}
	for name, n := range points {
		into[name] = max(into[name], n)
	}
}

// check reads every byte of the outbox that a kill left.
func (m *mortal) check() {
	report, err := outbox.Check(m.data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.t.Error(err)
	}
	if report.Missing > 0 || report.Quarantined > 0 {
		m.t.Errorf("an outbox after a kill: %+v", report)
	}
	m.torn += report.Torn
}

// settle waits, as long as there is progress, until the receiver has all that was
// promised.
func (m *mortal) settle() {
	deadline, before := time.After(sdktest.Patience), m.next
	for {
		_, _, lost, _, examples, grown := m.ledger.verdict(m.first, m.next)
		if lost == 0 {
			return
		}
		if lost < before {
			deadline, before = time.After(sdktest.Patience), lost
		}
		select {
		case <-grown:
		case <-deadline:
			m.t.Errorf("%s %d readings were lost, of lives %v", m.prefix, lost, m.lives(examples))
			return
		}
	}
}

// lives names numbers by life and place in it.
func (m *mortal) lives(numbers []int) (names []string) {
	for _, n := range numbers {
		names = append(names, fmt.Sprintf("%d+%d", (n-m.first)/perShortLife, (n-m.first)%perShortLife))
	}
	return names
}

// TestNamesAreDurable sees that the names of the outbox and of the state of the
// chains are synced before any envelope is stored, and so before its Sync returns. A
// power cut that took the outbox's back would take all; one that took back the state's
// would have the next anchor name the wrong chain, and this one stay retained for ever.
//
// The word that a Sync has returned may come late, when the state is stored again
// because old anchors have gone: only the outbox's name is owed to it.
func TestNamesAreDurable(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter", "psk")
	l := newDeliveries(3 * perShortLife)
	m := newMortal(t, w, l, newDeaths(), 0, 3, rand.New(rand.NewPCG(1, 2)))
	receiveInto(t, w, l)
	const outboxName = "fsync folder of the outbox"
	syncs := map[string]string{"mkdirat outbox": outboxName, "renameat chains.json.new": "fsync outbox"}
	named := map[string]int{}
	for range 3 {
		owed := map[string]bool{}
		for _, call := range m.live("", 0, 0).trace {
			switch {
			case syncs[call] != "":
				owed[syncs[call]] = true
				named[call]++
			case owed[call]:
				delete(owed, call)
			case len(owed) > 0 && (call == "pwrite64 urgent segment" || call == "pwrite64 data segment"), owed[outboxName] && call == "write caller":
				t.Errorf("%q before %v", call, owed)
			}
		}
	}
	for call := range syncs {
		if named[call] == 0 {
			t.Errorf("no %q", call)
		}
	}
}

// TestKilledAtEveryPoint kills whole gateways with SIGKILL, at every point where
// one can be and at random moments, and after each kill reads the outbox, and at
// the end the receiver's account: what a Sync had covered was received once.
// SDK_CRASHES sets how often, SDK_SEED repeats a run as far as the machine does.
func TestKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	kills, seed := number(t, "SDK_CRASHES", 40), number(t, "SDK_SEED", int(rand.Uint32()))
	each := min(100, 5+kills/8)
	gateways := 1 + (kills+each-1)/each // the first one's is to show where they can be killed
	t.Logf("SDK_SEED=%d", seed)
	w := sdktest.NewWard(t, "oximeter", "psk")
	lives := 2*each + 20
	d, l := newDeaths(), newDeliveries(gateways*lives*perShortLife)
	var all []*mortal
	for i := range gateways {
		all = append(all, newMortal(t, w, l, d, i, lives, rand.New(rand.NewPCG(uint64(seed), uint64(i)))))
	}
	receiveInto(t, w, l)
	start := time.Now()
	all[0].run(0)
	var running sync.WaitGroup
	waiting := make(chan *mortal, gateways) // with room for all: a worker ends with the first failure
	for range 4 {
		running.Go(func() {
			for m := range waiting {
				m.run(each)
			}
		})
	}
	for _, m := range all[1:] {
		waiting <- m
	}
	close(waiting)
	running.Wait()
	report(t, all, time.Since(start))
}

// newMortal makes the gateway number i of the ward, which has the first.
func newMortal(t *testing.T, w *sdktest.Ward, l *deliveries, d *deaths, i, lives int, rng *rand.Rand) *mortal {
	t.Helper()
	name, prefix := fmt.Sprintf("gw-%d", i+1), ""
	if i > 0 {
		prefix = name + "-"
		site, err := identity.OpenSite(w.Dir)
		must(t, err)
		must(t, site.AddGateway(name))
		for _, device := range []string{"oximeter", "psk"} {
			_, err := site.AddDevice(name, prefix+device, identity.DeviceOptions{PreShared: device == "psk"})
			must(t, err)
		}
	}
	m := &mortal{
		t: t, deaths: d, ledger: l, rng: rng, prefix: prefix, data: filepath.Join(t.TempDir(), "data"),
		first: i * lives * perShortLife, next: i * lives * perShortLife, end: (i + 1) * lives * perShortLife,
	}
	m.identity = filepath.Join(w.Dir, "gateways", name)
	m.env = append(os.Environ(), "SDK_CHILD=short", "SDK_IDENTITY="+m.identity,
		"SDK_BROKER="+w.Broker.URL, "SDK_DATA="+m.data, "SDK_PREFIX="+prefix,
		"GOGC=off") // too short to be worth it
	return m
}

// report gives the verdict on all gateways.
func report(t *testing.T, all []*mortal, took time.Duration) {
	t.Helper()
	kills, closed, torn := 0, 0, 0
	var promised, received, lost, doubled int
	for _, m := range all {
		kills, closed, torn = kills+m.kills, closed+m.closed, torn+m.torn
		p, r, l, d, examples, _ := m.ledger.verdict(m.first, m.next)
		promised, received, lost, doubled = promised+p, received+r, lost+l, doubled+d
		if l+d > 0 {
			t.Logf("lost or doubled, by life and place: %v", m.lives(examples))
		}
	}
	points := maps.Clone(all[0].deaths.killed)
	for _, passed := range []map[string]int{all[0].deaths.young, all[0].deaths.old} {
		for name := range passed {
			points[name] += 0
		}
	}
	random := points[""]
	delete(points, "")
	delete(points, closingPoint)
	met := 0
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(points)) {
		lines = append(lines, fmt.Sprintf("%6d %s", points[name], name))
		if points[name] > 0 {
			met++
		}
	}
	all[0].ledger.mu.Lock()
	verdicts, missing := maps.Clone(all[0].ledger.verdicts), 0
	for _, still := range all[0].ledger.missing {
		if still {
			missing++
		}
	}
	all[0].ledger.mu.Unlock()
	t.Logf("%d kills in %v (%d at random moments, the others at %d of %d points), %d lives not killed, %d torn tails; "+
		"%d readings covered by Sync, %d received: %d lost, %d doubled; "+
		"%d messages missed that no Sync had covered, findings %v\n%s",
		kills, took.Round(time.Second), random, met, len(points), closed, torn, promised, received, lost, doubled, missing, verdicts, strings.Join(lines, "\n"))
	if lost != 0 || doubled != 0 || alarms(verdicts) {
		t.Error("readings were lost or doubled, or a crash looks like an attack")
	}
}
