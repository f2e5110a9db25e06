package link_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

// scripted is a Signer that signs what a vector says, once.
type scripted struct {
	t                  *testing.T
	message, signature []byte
	fails              bool
	used               bool
}

func (s *scripted) Sign(dst, message []byte) ([]byte, error) {
	if s.fails {
		return nil, errors.New("test: no entropy")
	}
	if s.used || !bytes.Equal(message, s.message) {
		s.t.Errorf("signs %x, not as the vector says", message)
	}
	s.used = true
	return append(dst, s.signature...), nil
}

// sensorReplay runs a transcript of testdata/sensor.
type sensorReplay struct {
	t      *testing.T
	config link.SensorConfig
	signer scripted
	sensor link.Sensor
	now    uint64
}

func (r *sensorReplay) configure(s step) bool {
	c := &r.config
	switch s.key {
	case "session":
		c.Session = uint32(s.number(r.t, 0))
	case "kid":
		c.KeyID, c.Signer = link.KeyID(s.hex(r.t, 0)), &r.signer
	case "capabilities":
		c.Capabilities = link.Capabilities(s.number(r.t, 0))
	case "firmware":
		c.Firmware = string(s.hex(r.t, 0))
	case "keep":
		c.Keep = make([]byte, s.number(r.t, 0))
	case "receive":
		c.Receive = make([]byte, s.number(r.t, 0))
	case "first":
		c.First = uint32(s.number(r.t, 0))
	case "start":
		if err := r.sensor.Init(*c); err != nil {
			r.t.Fatalf("line %d: %v", s.line, err)
		}
	default:
		return false
	}
	return true
}

func queueVerdict(err error) string {
	switch err {
	case nil:
		return "ok"
	case link.ErrFull:
		return "full"
	case link.ErrTooLarge:
		return "large"
	case link.ErrType:
		return "type"
	}
	return err.Error()
}

var sensorPhases = []string{"hello", "welcomed", "accepted", "refused"}

// run runs one step; what it finds is compared with what the step says.
func (r *sensorReplay) run(s step) {
	t := r.t
	if r.configure(s) {
		return
	}
	var got string
	switch s.key {
	case "MUST":
		return
	case "now":
		r.now = s.number(t, 0)
		return
	case "rx":
		r.sensor.Receive(s.hex(t, 0), r.now)
		return
	case "sign":
		r.signer = scripted{t: t, message: s.hex(t, 0), signature: s.hex(t, 1)}
		return
	case "sign-fails":
		r.signer = scripted{t: t, fails: true}
		return
	case "log":
		r.sensor.Log(byte(s.number(t, 0)), string(s.hex(t, 1)))
		return
	case "dropped":
		r.sensor.Dropped(uint32(s.number(t, 0)))
		return
	case "tx":
		got = hexOf(r.sensor.Send(nil, r.now))
	case "idle":
		if out := r.sensor.Send(nil, r.now); len(out) > 0 {
			t.Errorf("line %d: sends %x, not idle", s.line, out)
		}
		return
	case "next":
		got = fmt.Sprint(r.sensor.Next(r.now))
	case "queue":
		got = s.values[0] + " " + s.values[1] + " " +
			queueVerdict(r.sensor.Queue(link.Type(s.hex(t, 0)[0]), s.hex(t, 1)))
	case "room":
		got = fmt.Sprintf("%s %d", s.values[0], r.sensor.Room(link.Type(s.hex(t, 0)[0])))
	case "state":
		st := r.sensor.State()
		got = fmt.Sprintf("%s %d %d %d %d", sensorPhases[st.Phase], st.Reason, st.Unacked, st.Acked, st.Next)
	case "counts":
		st := r.sensor.State()
		got = fmt.Sprintf("%d %d", st.Good, st.Bad)
	case "time":
		got = "none"
		if m, at, ok := r.sensor.Time(); ok {
			got = fmt.Sprintf("%d %d %x %d", m.UnixMilli, m.Error, m.Beacon, at)
		}
	default:
		t.Fatalf("line %d: unknown key %q", s.line, s.key)
	}
	if want := strings.Join(s.values, " "); got != want {
		t.Errorf("line %d: %s\n got %s\nwant %s", s.line, s.key, got, want)
	}
}

func TestSensorVectors(t *testing.T) {
	for _, v := range sensorVectors() {
		t.Run(v.name, func(t *testing.T) {
			r := sensorReplay{t: t}
			for _, s := range v.steps(t) {
				r.run(s)
			}
		})
	}
}
