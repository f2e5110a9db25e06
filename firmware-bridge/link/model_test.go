package link_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
)

var modelSeeds = flag.Int("seeds", 60, "runs of the model")

// model runs both ends over a line that loses, damages, doubles and delays,
// restarts either of them at any moment, and checks what the gateway has on its
// disk against what the sensor queued.
type model struct {
	t      *testing.T
	random *rand.Rand
	now    uint64
	faults bool // the line is bad
	forget bool // the gateway remembers nothing over a restart

	sensor   link.Sensor
	config   link.SensorConfig
	session  uint32
	queued   map[uint32]int // frames queued, by session
	acked    map[uint32]int // frames acknowledged to the sensor
	restarts int

	gateway link.Gateway
	pending []uint32 // taken and not durable: sequence numbers
	begun   uint32   // session of pending
	disk    map[uint32][]uint32

	toGateway, toSensor []byte
	lost, doubled       int
}

func (m *model) restartSensor() {
	key, kid := device()
	m.restarts++
	m.session = m.random.Uint32() | 1
	m.config = link.SensorConfig{
		Session: m.session, KeyID: kid, Signer: key, Firmware: "model",
		Keep: make([]byte, 90+m.random.IntN(1000)), Receive: make([]byte, 64),
	}
	if m.random.IntN(3) == 0 {
		m.config.First = -uint32(m.random.IntN(50)) // wraps around soon
	}
	if err := m.sensor.Init(m.config); err != nil {
		m.t.Fatal(err)
	}
}

// first returns the number of the session's first frame.
func (m *model) first() uint32 { return max(m.config.First, 1) }

func (m *model) restartGateway() {
	m.pending, m.begun, m.toSensor = nil, 0, nil
	err := m.gateway.Init(link.GatewayConfig{
		Receive: make([]byte, link.MaxFrame),
		Window:  byte(1 + m.random.IntN(20)),
		Random: func(c *[32]byte) error {
			copy(c[:], noise(m.random, 32))
			return nil
		},
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) Hello(*link.Hello) link.Reason { return 0 }

func (m *model) Proof(h *link.Hello, message, signature []byte) link.Reason {
	key, _ := device()
	if public := key.Public(); !public.Verify(message, signature) {
		m.t.Errorf("a proof does not verify")
		return link.ReasonSignature
	}
	return 0
}

func (m *model) Begin(h *link.Hello) (uint32, bool) {
	m.pending, m.begun = nil, h.Session
	disk := m.disk[h.Session]
	if m.forget || len(disk) == 0 {
		return 0, false
	}
	return disk[len(disk)-1] + 1, true
}

func (m *model) Data(d *link.Data) bool {
	if m.random.IntN(30) == 0 {
		return false
	}
	if d.Session != m.begun {
		m.t.Errorf("data of session %d in %d", d.Session, m.begun)
	}
	if want := fmt.Appendf(nil, "%d/%d", d.Session, d.Seq); !bytes.HasPrefix(d.Body, want) {
		m.t.Errorf("frame %s holds %q", want, d.Body)
	}
	if n := len(m.pending); n > 0 && m.pending[n-1]+1 != d.Seq {
		m.t.Errorf("frame %d follows %d", d.Seq, m.pending[n-1])
	}
	m.pending = append(m.pending, d.Seq)
	return true
}

func (m *model) Heartbeat(*link.Heartbeat) {}
func (m *model) Log(*link.Log)             {}

// commit makes some of what was taken durable.
func (m *model) commit() {
	if len(m.pending) == 0 {
		return
	}
	n := 1 + m.random.IntN(len(m.pending))
	for _, seq := range m.pending[:n] {
		m.store(seq)
	}
	next := m.pending[n-1] + 1
	m.pending = m.pending[n:]
	m.gateway.Durable(m.begun, next)
}

// store writes a frame to the disk, which a gateway that remembers does once.
func (m *model) store(seq uint32) {
	disk := m.disk[m.begun]
	if n := len(disk); n > 0 {
		if int32(seq-disk[n-1]) <= 0 {
			if m.doubled++; !m.forget {
				m.t.Errorf("session %d: frame %d comes after %d", m.begun, seq, disk[n-1])
			}
			return
		}
		if seq != disk[n-1]+1 {
			m.t.Errorf("session %d: frame %d comes after %d", m.begun, seq, disk[n-1])
		}
	}
	m.disk[m.begun] = append(disk, seq)
}

// queue has the sensor queue a frame if there is room.
func (m *model) queue() {
	seq := m.sensor.State().Next
	body := fmt.Appendf(nil, "%d/%d", m.session, seq)
	body = append(body, noise(m.random, m.random.IntN(60))...)
	switch err := m.sensor.Queue(link.TypeSealed, body); err {
	case nil:
		m.queued[m.session]++
	case link.ErrFull:
	default:
		m.t.Errorf("queue: %v", err)
	}
}

// transfer puts a frame on a line, which does to it what lines do.
func (m *model) transfer(line, frame []byte) []byte {
	if !m.faults {
		return append(line, frame...)
	}
	switch m.random.IntN(25) {
	case 0: // lost
		return line
	case 1: // cut
		return append(line, frame[:m.random.IntN(len(frame))]...)
	case 2: // a bit
		frame[m.random.IntN(len(frame))] ^= 1 << m.random.IntN(8)
	case 3: // doubled
		line = append(line, frame...)
	case 4: // noise
		line = append(line, noise(m.random, m.random.IntN(30))...)
	}
	return append(line, frame...)
}

// arrive takes some of what is on a line.
func (m *model) arrive(line *[]byte) []byte {
	n := len(*line)
	if m.random.IntN(3) == 0 {
		n = m.random.IntN(n + 1)
	}
	p := (*line)[:n]
	*line = (*line)[n:]
	return p
}

// stepSensor lets the sensor receive and send, and checks that Next told when.
func (m *model) stepSensor() {
	m.sensor.Receive(m.arrive(&m.toSensor), m.now)
	for range 4 {
		due := m.sensor.Next(m.now) <= m.now
		frame := m.sensor.Send(nil, m.now)
		if due != (len(frame) > 0) {
			m.t.Errorf("the sensor's Next says %v, and it sends %d bytes", due, len(frame))
		}
		if !due {
			break
		}
		m.toGateway = m.transfer(m.toGateway, frame)
	}
	acked := int(m.sensor.State().Acked - m.first())
	if have := len(m.disk[m.session]); acked > have {
		m.t.Errorf("session %d: %d frames are acknowledged and %d are durable", m.session, acked, have)
	}
	m.acked[m.session] = acked
}

func (m *model) stepGateway() {
	m.gateway.Receive(m.arrive(&m.toGateway), m.now, m)
	for range 4 {
		due := m.gateway.Next(m.now) <= m.now
		frame := m.gateway.Send(nil, m.now)
		if due != (len(frame) > 0) {
			m.t.Errorf("the gateway's Next says %v, and it sends %d bytes", due, len(frame))
		}
		if !due {
			break
		}
		m.toSensor = m.transfer(m.toSensor, frame)
	}
}

// step lets some ms pass.
func (m *model) step() {
	m.now += uint64(1 + m.random.IntN(40))
	if m.faults {
		switch m.random.IntN(600) {
		case 0:
			m.restartSensor()
		case 1, 2:
			m.restartGateway()
		case 3:
			m.gateway.Hangup()
			m.toGateway, m.toSensor = nil, nil
		case 4: // nobody runs for a while
			m.now += uint64(m.random.IntN(15_000))
		case 5:
			m.gateway.SetWindow(byte(m.random.IntN(10)))
		}
		if m.random.IntN(3) == 0 {
			m.queue()
		}
	}
	if m.random.IntN(4) == 0 {
		m.commit()
	}
	m.stepSensor()
	m.stepGateway()
}

// check compares the disk with what was queued: all of it in the session that
// lives, and of one that a restart ended, all that was acknowledged.
func (m *model) check() {
	for session, queued := range m.queued {
		have := len(m.disk[session])
		if session == m.session && have != queued {
			m.t.Errorf("session %d: %d frames queued, %d durable; sensor %+v, gateway %+v",
				session, queued, have, m.sensor.State(), m.gateway.State())
		}
		if have < m.acked[session] {
			m.t.Errorf("session %d: %d frames acknowledged, %d durable", session, m.acked[session], have)
		}
		m.lost += queued - have
	}
	if st := m.sensor.State(); st.Unacked != 0 {
		m.t.Errorf("the sensor still keeps %d frames: %+v, gateway %+v", st.Unacked, st, m.gateway.State())
	}
}

func (m *model) run() {
	m.restartSensor()
	m.restartGateway()
	for m.faults = true; m.now < 120_000; {
		m.step()
	}
	m.faults = false
	m.gateway.SetWindow(8)
	for end := m.now + 60_000; m.now < end; {
		m.step()
	}
	m.check()
}

func TestModel(t *testing.T) {
	var queued, lost, doubled, restarts int
	for seed := range uint64(*modelSeeds) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			m := &model{t: t, random: rand.New(rand.NewPCG(seed, 1)), forget: seed%4 == 3,
				queued: map[uint32]int{}, acked: map[uint32]int{}, disk: map[uint32][]uint32{}}
			m.run()
			for _, n := range m.queued {
				queued += n
			}
			lost, doubled, restarts = lost+m.lost, doubled+m.doubled, restarts+m.restarts
		})
	}
	t.Logf("%d frames queued; %d lost, all with a sensor that restarted before they were acknowledged (%d starts); %d doubled, all by a gateway that forgot the session",
		queued, lost, restarts, doubled)
}
