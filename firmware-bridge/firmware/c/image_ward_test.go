package c_test

import (
	"crypto/rand"
	"maps"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// ward is a gateway with a memory of what it was given that outlives restarts.
type ward struct {
	t       *testing.T
	gateway link.Gateway
	hold    bool      // nothing becomes durable
	waiting []payload // taken, not durable: lost in a restart

	durable  map[uint32]uint32 // by session: the next number
	kept     []payload
	hellos   int
	sessions map[uint32]bool // that began
	beat     link.Heartbeat
	logs     []string
}

type payload struct {
	session, seq uint32
	now          uint64
	body         []byte
}

func newWard(t *testing.T) *ward {
	w := &ward{t: t, durable: map[uint32]uint32{}, sessions: map[uint32]bool{}}
	w.restart()
	return w
}

// restart is a gateway's: what was not durable is gone.
func (w *ward) restart() {
	w.t.Helper()
	w.waiting = nil
	err := w.gateway.Init(link.GatewayConfig{Receive: make([]byte, link.MaxFrame), Random: func(p *[32]byte) error {
		_, err := rand.Read(p[:])
		return err
	}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// exchange takes what came from the line and returns what goes back.
func (w *ward) exchange(in []byte, now uint64) []byte {
	w.gateway.Receive(in, now, w)
	w.commit()
	var out []byte
	for n := -1; n < len(out); {
		n = len(out)
		out = w.gateway.Send(out, now)
	}
	return out
}

// commit makes what was taken durable.
func (w *ward) commit() {
	if w.hold {
		return
	}
	for _, p := range w.waiting {
		w.kept = append(w.kept, p)
		w.durable[p.session] = p.seq + 1
		w.gateway.Durable(p.session, p.seq+1)
	}
	w.waiting = nil
}

func (w *ward) Hello(h *link.Hello) link.Reason {
	w.hellos++
	if want := "vitalseal-c lm3s6965 1"; string(h.Firmware) != want || h.Capabilities != link.CapPlain || h.KeyID != (link.KeyID{}) {
		w.t.Errorf("hello: %+v, firmware %q", h, h.Firmware)
	}
	return 0
}

func (w *ward) Proof(*link.Hello, []byte, []byte) link.Reason {
	w.t.Error("a sensor without key proves something")
	return link.ReasonSignature
}

func (w *ward) Begin(h *link.Hello) (uint32, bool) {
	next, known := w.durable[h.Session]
	w.sessions[h.Session] = true
	return next, known
}

func (w *ward) Data(d *link.Data) bool {
	w.waiting = append(w.waiting, payload{d.Session, d.Seq, d.Now, slices.Clone(d.Body)})
	return true
}

func (w *ward) Heartbeat(b *link.Heartbeat) { w.beat = *b }
func (w *ward) Log(l *link.Log)             { w.logs = append(w.logs, string(l.Text)) }

// chart is all that the kept payloads say.
type chart struct {
	numerics map[uint64][]vital.Numeric // by time
	waves    map[uint64][]vital.Wave    // by the time of the first sample
	drops    uint64
	first    uint64                // time of the first numeric
	last     map[vital.Code]uint64 // time of the newest of each metric
}

// read decodes what was kept and checks what holds for every payload: numbers
// without gap, times that grow and are not ahead of the sensor's clock, nothing
// twice.
func (w *ward) read() chart {
	w.t.Helper()
	c := chart{numerics: map[uint64][]vital.Numeric{}, waves: map[uint64][]vital.Wave{}, last: map[vital.Code]uint64{}}
	var before payload
	for i, p := range w.kept {
		if i > 0 && p.session == before.session && p.seq != before.seq+1 {
			w.t.Errorf("payload %d after %d", p.seq, before.seq)
		}
		before = p
		var b vital.Batch
		if err := b.Decode(p.body); err != nil {
			w.t.Fatalf("payload %d: %v", p.seq, err)
		}
		c.addNumerics(w.t, b.Numerics, p.now)
		for _, wave := range b.Waves {
			if slices.ContainsFunc(c.waves[wave.Time], func(o vital.Wave) bool { return o.Code == wave.Code }) {
				w.t.Errorf("wave %d at %d comes twice", wave.Code, wave.Time)
			}
			c.waves[wave.Time] = append(c.waves[wave.Time], wave)
		}
		for _, d := range b.Drops {
			if d.Reason != vital.DropSensor {
				w.t.Errorf("dropped for reason %v", d.Reason)
			}
			c.drops += d.Count
		}
	}
	return c
}

// addNumerics takes those of one payload, sent at now, which are newer than all
// before of their metric.
func (c *chart) addNumerics(t *testing.T, numerics []vital.Numeric, now uint64) {
	t.Helper()
	newest := maps.Clone(c.last)
	for _, n := range numerics {
		if c.first == 0 {
			c.first = n.Time
		}
		if n.Time <= c.last[n.Code] || n.Time > now {
			t.Errorf("numeric %d of %d after one of %d, sent at %d", n.Code, n.Time, c.last[n.Code], now)
		}
		newest[n.Code] = max(newest[n.Code], n.Time)
		if slices.ContainsFunc(c.numerics[n.Time], func(o vital.Numeric) bool { return o.Code == n.Code }) {
			t.Errorf("numeric %d at %d comes twice", n.Code, n.Time)
		}
		c.numerics[n.Time] = append(c.numerics[n.Time], n)
	}
	c.last = newest
}

// seconds returns how many the numerics span.
func (c *chart) seconds() int { return int(c.last[vital.HeartRate]-c.first)/1000 + 1 }

// missing returns how many readings of the seconds that the numerics span have neither
// come nor are said to be dropped.
func (c *chart) missing() int {
	n := numericsMade(c.seconds()) + 2*c.seconds() - int(c.drops)
	for _, all := range c.numerics {
		n -= len(all)
	}
	for at, all := range c.waves {
		if at+996 <= c.last[vital.HeartRate] {
			n -= len(all)
		}
	}
	return n
}

// numericsMade returns how many numerics so many seconds have.
func numericsMade(seconds int) int {
	n := 5 * seconds
	if seconds >= 10 {
		n += 3 * ((seconds-10)/60 + 1)
	}
	return n
}

// compare holds a chart against the patient, second by second, and returns how
// many numerics and waves came. Seconds without numerics or waves are the
// caller's to count.
func (c *chart) compare(t *testing.T) (numerics, waves int) {
	t.Helper()
	seconds := c.seconds()
	for k, want := range patient(t, seconds) {
		at := c.first + uint64(k)*1000
		if got := c.numerics[at]; got != nil {
			for i := range got {
				got[i].Time = 0
			}
			sortNumerics(got)
			if !slices.Equal(got, want.numerics) {
				t.Errorf("second %d: got %v\nwant %v", k, got, want.numerics)
			}
			numerics += len(got)
			delete(c.numerics, at)
		}
		for _, w := range c.waves[at-996] {
			samples := want.ecg
			if w.Code == vital.Pleth {
				samples = want.pleth
			}
			if !slices.Equal(w.Samples, samples) {
				t.Errorf("second %d: wave %d differs", k, w.Code)
			}
			w.Samples, w.Time, w.Coding = nil, 0, 0
			if shape := waveShapes[w.Code]; !reflect.DeepEqual(w, shape) {
				t.Errorf("second %d: wave %+v, want %+v", k, w, shape)
			}
			waves++
		}
		delete(c.waves, at-996)
	}
	if len(c.numerics) > 0 {
		t.Errorf("%d times that are no seconds: %v", len(c.numerics), c.numerics)
	}
	return numerics, waves
}

var waveShapes = map[vital.Code]vital.Wave{
	vital.ECGLeadII: {Code: vital.ECGLeadII, Unit: vital.Millivolt, Rate: vital.Int(250), Factor: vital.Int(1), Divisor: 200},
	vital.Pleth:     {Code: vital.Pleth, Unit: vital.NoUnit, Rate: vital.Int(125)},
}

func sortNumerics(n []vital.Numeric) {
	slices.SortFunc(n, func(a, b vital.Numeric) int { return int(a.Code) - int(b.Code) })
}

// second is what the patient is in one second.
type second struct {
	numerics   []vital.Numeric
	ecg, pleth []int32
}

// patient runs the image's patient on this machine.
func patient(t *testing.T, seconds int) []second {
	t.Helper()
	out, err := exec.Command(linkProgram(t, "image_patient", "image/patient.c"), strconv.Itoa(seconds)).Output()
	if err != nil {
		t.Fatalf("patient: %v", err)
	}
	var s []second
	for line := range strings.Lines(string(out)) {
		s = append(s, parseSecond(t, strings.Fields(line)))
	}
	return s
}

func parseSecond(t *testing.T, fields []string) second {
	v := make([]int32, len(fields))
	for i, f := range fields {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatalf("patient: %v", err)
		}
		v[i] = int32(n)
	}
	add := func(s *second, c vital.Code, u vital.Unit, d vital.Decimal, status vital.Status) {
		s.numerics = append(s.numerics, vital.Numeric{Code: c, Unit: u, Value: d, Status: status})
	}
	dec := func(i int) vital.Decimal { return vital.Int(int(v[i])) }
	s := second{ecg: v[9 : 9+250], pleth: v[9+250:]}
	pulse, spo2, off := dec(0), dec(2), vital.Status(0)
	if v[4] != 0 {
		pulse, spo2, off = vital.NaN, vital.NaN, vital.NotAvailable|vital.SensorOff
	}
	add(&s, vital.HeartRate, vital.BeatsPerMinute, dec(0), 0)
	add(&s, vital.PulseRate, vital.BeatsPerMinute, pulse, off)
	add(&s, vital.SpO2, vital.Percent, spo2, off)
	add(&s, vital.RespRate, vital.BreathsPerMinute, dec(1), 0)
	add(&s, vital.TempBody, vital.Celsius, vital.Dec(int(v[3]), -1), 0)
	if v[5] != 0 {
		add(&s, vital.NIBPSystolic, vital.MmHg, dec(6), 0)
		add(&s, vital.NIBPDiastolic, vital.MmHg, dec(7), 0)
		add(&s, vital.NIBPMean, vital.MmHg, dec(8), 0)
	}
	sortNumerics(s.numerics)
	return s
}
