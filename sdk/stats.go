package sdk

import (
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// Stats is what an operator asks for. It has counts and times, never a reading.
type Stats struct {
	Connection ConnectionStats
	Outbox     outbox.Stats
	Memory     MemoryStats
	Oldest     time.Time // when the oldest envelope that waits was stored; zero: none waits
	Devices    []DeviceStats
	Carriers   []CarrierStats
	Receivers  int            // whose beacons have been heard since Open, at most 16
	Receipts   []ReceiptStats // of each receiver of Config.Receipts, in that order
	Err        error          // why readings cannot be sealed or stored just now
}

// ConnectionStats is about the connection to the broker.
type ConnectionStats struct {
	Connected bool
	Since     time.Time // of the change to or from Connected
	Count     uint64    // connections made since Open
	LastAck   time.Time // when the broker last acknowledged an envelope
	Acked     uint64    // envelopes acknowledged since Open
	Flying    int       // envelopes published and not yet acknowledged
	Err       error     // why it is not connected
}

// ReceiptStats is about one receiver that has to sign for what it has.
type ReceiptStats struct {
	Receiver string
	Receipts uint64    // that count, since Open
	Last     time.Time // when the newest of them came
	Behind   uint64    // envelopes in the outbox that it has not signed for
	Oldest   time.Time // when the oldest of them was stored, as of a while ago; zero: there is none
	GivenUp  uint64    // envelopes that left the outbox since Open although it will never take them
	Refused  uint64    // receipts, and claims in them, that do not count, since Open
	Err      error     // why what it signed last does not count, or cannot
}

// DeviceStats is about one device.
type DeviceStats struct {
	Name     string
	KeyID    keys.KeyID
	Recorded uint64    // readings taken since Open
	Refused  uint64    // readings refused since Open, each accounted for in a signed record
	Last     time.Time // of the newest reading
	Err      error     // why its chain, which is used on, cannot be renewed just now
}

// Stats returns the state of the pipeline now.
func (p *Pipeline) Stats() Stats {
	s := Stats{Outbox: p.queue.Stats(), Memory: p.ring.Stats()}
	s.Oldest, _ = p.queue.Oldest() // its absence is not worth an error here
	p.mu.Lock()
	s.Connection, s.Err, s.Receivers = p.connection, p.commitErr, len(p.beacons)
	p.mu.Unlock()
	for _, d := range p.allDevices() {
		s.Devices = append(s.Devices, d.Stats())
	}
	for _, c := range p.allCarriers() {
		s.Carriers = append(s.Carriers, c.Stats())
	}
	s.Connection.Flying = p.feed.inFlight()
	s.Receipts = p.receipts.stats(s.Outbox.Records, s.Oldest)
	return s
}

// Stats returns the state of the device now.
func (d *Device) Stats() DeviceStats {
	err := d.chain.renewError()
	d.mu.Lock()
	defer d.mu.Unlock()
	return DeviceStats{Name: d.name, KeyID: d.kid, Recorded: d.total, Refused: d.lost, Last: d.last, Err: err}
}

func (p *Pipeline) isConnected() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.connection.Connected
}

func (p *Pipeline) connected(s mqtt.State) {
	p.mu.Lock()
	if p.connection.Connected != s.Connected || p.connection.Since.IsZero() {
		p.connection.Since = time.Now()
	}
	before := p.connection.Err
	p.connection.Connected, p.connection.Err = s.Connected, s.Err
	if s.Connected {
		p.connection.Count++
	}
	p.mu.Unlock()
	if s.Connected {
		p.log.Info("connected to the broker", "broker", p.conf.Broker)
	} else if s.Err != nil && (before == nil || before.Error() != s.Err.Error()) { // not at each attempt
		p.log.Warn("not connected to the broker", "broker", p.conf.Broker, "error", s.Err, "retry", s.Retry)
	}
}

func (p *Pipeline) acknowledged() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connection.LastAck = time.Now()
	p.connection.Acked++
}
