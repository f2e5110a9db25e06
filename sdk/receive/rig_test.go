package receive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

const site = "ward-3"

// start is when the clock of every rig begins.
var start = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// device is a sealing device with keys that follow from its number.
type device struct {
	t      testing.TB
	key    *keys.Ed25519
	sealer *seal.Sealer
	psk    *keys.SoftwarePSK
	boot   uint64
	// tweak, if not nil, changes the next anchors.
	tweak func(*seal.Anchor)
}

func newDevice(t testing.TB, n byte) *device {
	t.Helper()
	d := &device{t: t, key: keys.NewEd25519(&[32]byte{n, 0xed}), boot: uint64(n) * 100}
	d.sealer = seal.NewSealer(d.key)
	psk, err := keys.NewSoftwarePSK(d.kid(), 0, &[32]byte{n, 0x95})
	if err != nil {
		t.Fatal(err)
	}
	d.psk = psk
	return d
}

func (d *device) kid() keys.KeyID { return seal.NewSealer(d.key).KeyID() }

// clone is a second device with the same keys and counters.
func (d *device) clone() *device {
	c := *d
	c.sealer = seal.NewSealer(d.key)
	return &c
}

// begin begins the next chain and returns its anchor.
func (d *device) begin() []byte {
	d.t.Helper()
	d.boot++
	a := seal.Anchor{Site: site, Boot: d.boot, Salt: [16]byte{byte(d.boot), byte(d.boot >> 8), 7}, Previous: d.sealer.Checkpoint()}
	a.Clock = seal.Clock{UnixMilli: start.UnixMilli(), Error: 50}
	if d.tweak != nil {
		d.tweak(&a)
	}
	var cs [32]byte
	if err := d.psk.ContentSecret(&cs, d.kid(), a.Boot, &a.Salt); err != nil {
		d.t.Fatal(err)
	}
	m, err := d.sealer.Begin(nil, &a, &cs)
	if err != nil {
		d.t.Fatal(err)
	}
	return m
}

// batch seals b.
func (d *device) batch(b *vital.Batch) []byte {
	d.t.Helper()
	payload, err := b.Append(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.raw(payload)
}

func (d *device) raw(payload []byte) []byte {
	d.t.Helper()
	m, err := d.sealer.Seal(nil, payload)
	if err != nil {
		d.t.Fatal(err)
	}
	return m
}

// reading seals one reading of SpO2.
func (d *device) reading(value int) []byte {
	d.t.Helper()
	return d.batch(&vital.Batch{Numerics: []vital.Numeric{{Time: 1500, Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(value)}}})
}

// readings seals n readings, 1 to n.
func (d *device) readings(n int) [][]byte {
	d.t.Helper()
	var all [][]byte
	for i := range n {
		all = append(all, d.reading(i+1))
	}
	return all
}

// roster is a directory and the secrets of its devices.
type roster struct {
	devices map[keys.KeyID]receive.Device
	psks    map[keys.KeyID]*keys.SoftwarePSK
}

func newRoster(devices ...*device) *roster {
	r := &roster{map[keys.KeyID]receive.Device{}, map[keys.KeyID]*keys.SoftwarePSK{}}
	for _, d := range devices {
		r.devices[d.kid()] = receive.Device{Key: d.key.Public(), Name: "bed 7", Gateway: "gw-1"}
		r.psks[d.kid()] = d.psk
	}
	return r
}

func (r *roster) Lookup(kid keys.KeyID) (receive.Device, bool) {
	d, ok := r.devices[kid]
	return d, ok
}

func (r *roster) ContentSecret(anchor seal.Verified) (cs [32]byte, err error) {
	a, err := anchor.Anchor()
	if err != nil {
		return cs, err
	}
	psk, ok := r.psks[anchor.KeyID()]
	if !ok {
		return cs, errNotARecipient
	}
	return cs, psk.ContentSecret(&cs, anchor.KeyID(), a.Boot, &a.Salt)
}

func (r *roster) GrantSecret(_, _ seal.Verified) ([32]byte, error) {
	return [32]byte{}, errNotARecipient
}

type textError string

func (e textError) Error() string { return string(e) }

const errNotARecipient = textError("not a recipient")

// rig is a receiver with a clock of its own and lines in memory.
type rig struct {
	t    testing.TB
	conf receive.Config
	r    *receive.Receiver
	ros  *roster
	now  time.Time
	out  output
	acks int
}

// output is a buffer that Run may write to while a test looks.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// take returns what was written since the last call.
func (o *output) take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.buf.Reset()
	return bytes.Clone(o.buf.Bytes())
}

func newRig(t testing.TB, devices ...*device) *rig {
	t.Helper()
	g := &rig{t: t, ros: newRoster(devices...), now: start}
	g.conf = receive.Config{
		Site: site, Directory: g.ros, Secrets: g.ros, Sink: receive.NewLines(&g.out),
		StatePath: filepath.Join(t.TempDir(), "state"), Clock: func() time.Time { return g.now },
	}
	g.open()
	t.Cleanup(func() { g.r.Close() })
	return g
}

func (g *rig) open() {
	g.t.Helper()
	r, err := receive.Open(g.conf)
	if err != nil {
		g.t.Fatal(err)
	}
	g.r = r
}

func (g *rig) restart() {
	g.t.Helper()
	if err := g.r.Close(); err != nil {
		g.t.Fatal(err)
	}
	g.open()
}

func (g *rig) message(payload []byte) receive.Message {
	return receive.Message{Site: site, Payload: payload, Received: g.now, Ack: func() { g.acks++ }}
}

func (g *rig) handle(m receive.Message) receive.Result {
	g.t.Helper()
	res, err := g.r.Handle(context.Background(), m)
	if err != nil {
		g.t.Fatal(err)
	}
	return res
}

func (g *rig) send(payload []byte) receive.Result {
	g.t.Helper()
	return g.handle(g.message(payload))
}

// want sends a message and checks its verdict.
func (g *rig) want(verdict receive.Verdict, payload []byte) receive.Result {
	g.t.Helper()
	res := g.send(payload)
	if res.Verdict != verdict {
		g.t.Fatalf("verdict %q (%s), want %q", res.Verdict, res.Reason, verdict)
	}
	return res
}

func (g *rig) tick(d time.Duration) {
	g.t.Helper()
	g.now = g.now.Add(d)
	if err := g.r.Tick(g.now); err != nil {
		g.t.Fatal(err)
	}
}

// line is a JSON line as a consumer reads it.
type line struct {
	Verdict     string
	Site        string
	Device      string
	DeviceName  string `json:"device_name"`
	Seq         uint64
	Time        string
	TimeQuality string `json:"time_quality"`
	TimeError   int    `json:"time_error_ms"`
	Received    string
	Label       string
	Test        bool
	Code        int
	RefID       string
	Value       *json.Number
	Unit        *string
	Status      []string
	Event       string
	Boot        uint64
	Chain       string
	First, Last uint64
	Count       uint64
	Reason      string
}

func parseLines(t testing.TB, text []byte) []line {
	t.Helper()
	var all []line
	for l := range bytes.Lines(text) {
		var got line
		if err := json.Unmarshal(l, &got); err != nil {
			t.Fatalf("line %q: %v", l, err)
		}
		all = append(all, got)
	}
	return all
}

// lines returns what was written since the last call.
func (g *rig) lines() []line {
	g.t.Helper()
	return parseLines(g.t, g.out.take())
}

// short gives verdicts with their ranges, and readings with their values.
func short(all []line) string {
	var b bytes.Buffer
	for i, l := range all {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(l.Verdict)
		if l.Event != "" {
			b.WriteString(" " + l.Event)
		}
		if l.Value != nil {
			b.WriteString(" " + l.Value.String())
		}
		if l.Last != 0 {
			b.WriteString(" " + json.Number(itoa(l.First)).String() + "-" + itoa(l.Last))
		}
	}
	return b.String()
}

func itoa(n uint64) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func (g *rig) wantLines(want string) {
	g.t.Helper()
	if got := short(g.lines()); got != want {
		g.t.Fatalf("lines\n got %s\nwant %s", got, want)
	}
}
