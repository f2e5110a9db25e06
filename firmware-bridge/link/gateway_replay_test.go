package link_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

// gatewayReplay runs a transcript of testdata/gateway and is the handler in it.
type gatewayReplay struct {
	t         *testing.T
	config    link.GatewayConfig
	gateway   link.Gateway
	now       uint64
	line      int
	challenge []byte // what the random generator gives next; nil: it fails
	calls     []string

	hello, proof link.Reason
	known        bool
	next         uint32
	refuseData   bool
}

func (r *gatewayReplay) call(key string, values ...any) {
	v := &vector{}
	v.add(key, values...)
	r.calls = append(r.calls, v.lines[0])
}

func (r *gatewayReplay) Hello(h *link.Hello) link.Reason {
	r.call("hello", h.Session, h.Base, h.KeyID[:], h.Firmware)
	return r.hello
}

func (r *gatewayReplay) Proof(h *link.Hello, message, signature []byte) link.Reason {
	r.call("proof", h.Session, message, signature)
	return r.proof
}

func (r *gatewayReplay) Begin(h *link.Hello) (uint32, bool) {
	r.call("begin", h.Session)
	return r.next, r.known
}

func (r *gatewayReplay) Data(d *link.Data) bool {
	r.call("data", []byte{byte(d.Type)}, d.Session, d.Seq, d.Now, d.Body)
	return !r.refuseData
}

func (r *gatewayReplay) Heartbeat(b *link.Heartbeat) {
	r.call("heartbeat", b.Session, b.Now, b.Next, b.Dropped, b.Bad)
}

func (r *gatewayReplay) Log(l *link.Log) { r.call("log", l.Session, int(l.Level), l.Text) }

func (r *gatewayReplay) random(c *[32]byte) error {
	if r.challenge == nil {
		return errors.New("test: no entropy")
	}
	copy(c[:], r.challenge)
	r.challenge = nil
	return nil
}

// noCalls fails if the handler was told something that the vector does not say.
func (r *gatewayReplay) noCalls() {
	for _, c := range r.calls {
		r.t.Errorf("before line %d: unexpected call %s", r.line, c)
	}
	r.calls = nil
}

// answer sets what the handler will say.
func (r *gatewayReplay) answer(s step) {
	switch s.values[0] {
	case "hello":
		r.hello = link.Reason(s.number(r.t, 1))
	case "proof":
		r.proof = link.Reason(s.number(r.t, 1))
	case "begin":
		r.next, r.known = uint32(s.number(r.t, 1)), true
	case "data":
		r.refuseData = s.values[1] == "no"
	}
}

var gatewayPhases = []string{"idle", "challenged", "accepted", "refused"}

// tell runs a step that only tells the Gateway something.
func (r *gatewayReplay) tell(s step) bool {
	t := r.t
	switch s.key {
	case "MUST":
	case "window":
		r.config.Window = byte(s.number(t, 0))
	case "start":
		r.config.Receive, r.config.Random = make([]byte, link.MaxFrame), r.random
		if err := r.gateway.Init(r.config); err != nil {
			t.Fatal(err)
		}
	case "now":
		r.now = s.number(t, 0)
	case "challenge":
		r.challenge = s.hex(t, 0)
	case "answer":
		r.answer(s)
	case "rx":
		r.noCalls()
		r.gateway.Receive(s.hex(t, 0), r.now, r)
	case "durable":
		r.gateway.Durable(uint32(s.number(t, 0)), uint32(s.number(t, 1)))
	case "set-window":
		r.gateway.SetWindow(byte(s.number(t, 0)))
	case "set-time":
		m := link.Time{UnixMilli: s.number(t, 0), Error: uint32(s.number(t, 1)), Beacon: [16]byte(s.hex(t, 2))}
		r.gateway.SetTime(m, r.now)
	case "hangup":
		r.gateway.Hangup()
	default:
		return false
	}
	return true
}

func (r *gatewayReplay) run(s step) {
	r.line = s.line
	if r.tell(s) {
		return
	}
	var got string
	switch st := r.gateway.State(); s.key {
	case "tx":
		got = hexOf(r.gateway.Send(nil, r.now))
	case "idle":
		if out := r.gateway.Send(nil, r.now); len(out) > 0 {
			got = hexOf(out)
		}
	case "next":
		got = fmt.Sprint(r.gateway.Next(r.now))
	case "call":
		if len(r.calls) > 0 {
			got, r.calls = r.calls[0], r.calls[1:]
		}
	case "state":
		got = fmt.Sprintf("%s %d %d %d %d", gatewayPhases[st.Phase], st.Reason, st.Session, st.Taken, st.Durable)
	case "counts":
		got = fmt.Sprintf("%d %d %d", st.Good, st.Bad, st.Ignored)
	default:
		r.t.Fatalf("line %d: unknown key %q", s.line, s.key)
	}
	if want := strings.Join(s.values, " "); got != want {
		r.t.Errorf("line %d: %s\n got %s\nwant %s", s.line, s.key, got, want)
	}
}

func TestGatewayVectors(t *testing.T) {
	for _, v := range gatewayVectors() {
		t.Run(v.name, func(t *testing.T) {
			r := gatewayReplay{t: t}
			for _, s := range v.steps(t) {
				r.run(s)
			}
			r.noCalls()
		})
	}
}
