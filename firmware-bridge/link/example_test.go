package link_test

import (
	"fmt"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// bedside is a gateway's handler: it knows one device, and prints.
type bedside struct{ device keys.PublicKey }

func (b *bedside) Hello(h *link.Hello) link.Reason {
	if keys.KeyID(h.KeyID) != b.device.ID() {
		return link.ReasonUnknown
	}
	return 0
}

func (b *bedside) Proof(_ *link.Hello, message, signature []byte) link.Reason {
	if !b.device.Verify(message, signature) {
		return link.ReasonSignature
	}
	fmt.Println("the device has proved itself")
	return 0
}

func (b *bedside) Begin(*link.Hello) (uint32, bool) { return 0, false }

func (b *bedside) Data(d *link.Data) bool {
	fmt.Printf("frame %d: %s\n", d.Seq, d.Body)
	return true
}

func (b *bedside) Heartbeat(*link.Heartbeat) {}
func (b *bedside) Log(l *link.Log)           { fmt.Printf("log: %q\n", l.Text) }

// A sensor and its gateway, wired together without a line.
func Example() {
	seed := [32]byte{1} // of a real device: from a random generator
	key := keys.NewEd25519(&seed)
	public := key.Public()

	var sensor link.Sensor
	err := sensor.Init(link.SensorConfig{
		Session: 0x5e551041, // differs at every start
		KeyID:   public.ID(), Signer: key, Firmware: "oximeter 1.4",
		Keep: make([]byte, 4096), Receive: make([]byte, 128),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var gateway link.Gateway
	err = gateway.Init(link.GatewayConfig{
		Receive: make([]byte, link.MaxFrame),
		Random:  func(c *[32]byte) error { c[0] = 1; return nil }, // of a real gateway: crypto/rand
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	if err := sensor.Queue(link.TypeSealed, []byte("sealed readings")); err != nil {
		fmt.Println(err)
	}
	sensor.Log(link.LevelInfo, "probe connected")

	handler := &bedside{device: public}
	for now := uint64(0); now < 5; now++ { // ms
		gateway.Receive(sensor.Send(nil, now), now, handler)
		gateway.Durable(0x5e551041, 2) // when the frame is on disk
		for out := gateway.Send(nil, now); len(out) > 0; out = gateway.Send(nil, now) {
			sensor.Receive(out, now)
		}
	}
	fmt.Println("unacknowledged:", sensor.State().Unacked)
	// Output:
	// the device has proved itself
	// log: "probe connected"
	// frame 1: sealed readings
	// unacknowledged: 0
}
