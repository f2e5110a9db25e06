package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// ReceiverConfig says who a receiver is, where it listens and what it does with
// what it finds. Identity, Broker and Sink are required.
type ReceiverConfig struct {
	// Identity is the directory that the site made for this recipient: its keys,
	// its certificate, the roster.
	Identity string

	// Broker is "mqtts://host:port".
	Broker string

	// Sink takes readings, refusals and gaps, each with its verdict.
	Sink receive.Sink

	// State is the file that remembers what has been received. Default "state.db"
	// inside Identity.
	State string

	// TrustFirst accepts a device that State does not know without more ado. By
	// default such a device must echo the beacon that the receiver publishes, so
	// that a receiver that lost its state cannot be given an old recording as new.
	// Gateways echo it by themselves within seconds of hearing it.
	TrustFirst bool

	// AcceptPast takes what such a device sealed before it heard the beacon, under
	// chains that the echoing one goes on from, as history with its true times.
	// Set it for the first start of a receiver whose gateways were offline before:
	// to a receiver that lost its state it may bring what it had already received.
	AcceptPast bool

	// NoReceipts signs no receipts. By default a receiver tells each gateway, signed
	// and retained, what of its chains is durable here, as soon as that is known and
	// at most once in ReceiptInterval; a gateway that is configured so keeps the rest.
	// One has about 150 bytes for a gateway with one device, and 42 for each more:
	// little beside what the gateway sends itself, so that gateways can begin to ask
	// for receipts without a change here.
	NoReceipts bool

	// ReceiptInterval is the least time between two receipts to one gateway. A gateway
	// keeps that much more. Default 1 s.
	ReceiptInterval time.Duration

	// Judging has the bounds of package receive to use in place of its defaults.
	// What ReceiverConfig says itself (site, directory, secrets, sink, state) is
	// ignored in it.
	Judging receive.Config

	// OnState is told about each change of the connection; connected means
	// subscribed too. From then on the broker keeps for this receiver what it
	// misses. It must return quickly. Optional.
	OnState func(mqtt.State)

	// Logger is told what happens to connections and the roster; never a reading.
	// Default: nothing is logged.
	Logger *slog.Logger

	rosterPeriod time.Duration // zero: the default; tests have another
	recallPeriod time.Duration // likewise
	backoff      time.Duration // at most, between attempts at a connection; zero: package mqtt's
}

// Receiver subscribes to all of a site, verifies, opens and judges.
type Receiver struct {
	conf     ReceiverConfig
	log      *slog.Logger
	identity *identity.Receiver
	roster   *directory
	judge    *receive.Receiver
	messages *mqtt.Subscriber
	said     *mqtt.Publisher // the beacon and receipts
	arrived  chan mqtt.Received

	subscribed chan struct{} // signalled at each connection
}

const (
	// receiverWindow is how many messages are held unacknowledged: more than
	// mosquitto sends ahead.
	receiverWindow = 256

	// pastTimeout is how long the past waits for a gateway that vouches for it: its
	// connection for beacons may come back a minute after the one for readings.
	pastTimeout = 5 * time.Minute

	// receiverDuplicates is how many messages of a device may come again before
	// they are a replay: a gateway that crashed sends again what it had not noted
	// as acknowledged.
	receiverDuplicates = 1024
)

// OpenReceiver reads the identity and the state; Run begins to receive.
func OpenReceiver(conf ReceiverConfig) (*Receiver, error) {
	if conf.Identity == "" {
		return nil, errors.New("vitalseal: no identity directory: make one with \"vitalseal site recipient\"")
	}
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	if conf.rosterPeriod == 0 {
		conf.rosterPeriod = rosterPeriod
	}
	if conf.recallPeriod == 0 {
		conf.recallPeriod = recallPeriod
	}
	if conf.ReceiptInterval < 0 {
		return nil, fmt.Errorf("vitalseal: receipt interval %v is negative", conf.ReceiptInterval)
	}
	if conf.ReceiptInterval == 0 {
		conf.ReceiptInterval = defaultReceiptInterval
	}
	if conf.State == "" {
		conf.State = filepath.Join(conf.Identity, "state.db")
	}
	id, err := identity.LoadReceiver(conf.Identity)
	if err != nil {
		return nil, err
	}
	r := &Receiver{
		conf: conf, log: conf.Logger, identity: id, roster: newDirectory(id.Roster),
		arrived: make(chan mqtt.Received, receiverWindow), subscribed: make(chan struct{}, 1),
	}
	if err := r.openMQTT(); err != nil {
		return nil, err
	}
	judging := conf.Judging
	judging.Site, judging.Directory, judging.Secrets = id.Site.Name, r.roster, id.Keyring
	judging.Sink, judging.StatePath, judging.RequireBeacon = conf.Sink, conf.State, !conf.TrustFirst
	judging.AcceptPast = conf.AcceptPast
	if judging.PendingTimeout == 0 && conf.AcceptPast {
		judging.PendingTimeout = pastTimeout
	}
	if judging.DuplicateMessages == 0 {
		judging.DuplicateMessages = receiverDuplicates
	}
	if judging.Logger == nil {
		judging.Logger = conf.Logger
	}
	if r.judge, err = receive.Open(judging); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Receiver) openMQTT() error {
	c := mqtt.Config{
		Broker: r.conf.Broker, ClientID: r.identity.Name, Credentials: r.identity.Credentials,
		Window: receiverWindow, OnState: r.connected, MaxBackoff: r.conf.backoff,
	}
	var err error
	if r.messages, err = mqtt.NewSubscriber(c); err != nil {
		return err
	}
	c.ClientID += "_beacon" // no name has "_", and nats-server refuses "."
	c.OnState = nil
	r.said, err = mqtt.NewPublisher(c)
	return err
}

// Run receives until ctx ends, and then returns nil. It returns an error when the
// state or the sink can no longer be relied on: nothing that was acknowledged is
// lost, and the broker keeps what was not.
func (r *Receiver) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	filters := []string{"vs1/" + r.identity.Site.Name + "/#"}
	failed := make(chan error, 1) // the first; later ones are its echoes
	var running sync.WaitGroup
	for _, run := range []func() error{
		func() error { return r.messages.Run(ctx, filters, r.enqueue(ctx)) },
		func() error { return r.speak(ctx) },
		func() error { return r.judgeAll(ctx) },
		func() error { return r.tick(ctx) },
		func() error { return r.recall(ctx) },
		func() error { return r.watchRoster(ctx) },
	} {
		running.Go(func() {
			if err := run(); err != nil {
				select {
				case failed <- err:
				default:
				}
				cancel()
			}
		})
	}
	running.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// tick notices silences. A sink that is away for a while is no reason to end.
func (r *Receiver) tick(ctx context.Context) error {
	for {
		err := r.judge.Run(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, receive.ErrBroken) {
			return err
		}
		r.log.Error("silences wait: they cannot be judged or stored", "error", err)
		r.pause(ctx)
	}
}

// recall has the broker send what it retains once more when messages have waited for a
// while for an anchor that does not come: a broker drops what a receiver is too slow
// for, anchors too, but it retains them. It asks at ever longer intervals.
func (r *Receiver) recall(ctx context.Context) error {
	for wait := r.conf.recallPeriod; ; {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		switch missing := r.judge.AnchorMissing(time.Now()); {
		case missing == 0:
			wait = r.conf.recallPeriod
		case missing >= r.conf.recallPeriod:
			r.log.Warn("messages wait for an anchor that has not come: the broker is asked for it", "waited", missing.Round(time.Second))
			r.messages.Resubscribe()
			wait = min(2*wait, maxRecall)
		}
	}
}

// A message waits for its anchor for receive.Config.PendingTimeout, a minute if not
// configured otherwise.
const (
	recallPeriod = 10 * time.Second
	maxRecall    = 10 * time.Minute
)

// pause waits before another attempt.
func (r *Receiver) pause(ctx context.Context) {
	timer := time.NewTimer(defaultPeriods.retryCommit)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Close closes the state, after Run has returned. The sink stays open.
func (r *Receiver) Close() error { return r.judge.Close() }

// Stats returns counts per verdict and per device.
func (r *Receiver) Stats() receive.Stats { return r.judge.Stats() }

// enqueue only hands messages over: it runs on the connection's goroutine.
func (r *Receiver) enqueue(ctx context.Context) func(mqtt.Received) {
	return func(m mqtt.Received) {
		select {
		case r.arrived <- m:
		case <-ctx.Done():
		}
	}
}

// What is judged with one write to the state. The bytes bound what a sink holds
// before it is flushed: a message of a hostile device comes to a thousand times
// its size in JSON lines.
const (
	maxTogether      = 64
	maxTogetherBytes = 64 << 10
)

// judgeAll judges whatever has arrived together, so that a busy line pays one
// flush for many messages.
func (r *Receiver) judgeAll(ctx context.Context) error {
	var batch []receive.Message
	for {
		select {
		case m := <-r.arrived:
			batch = r.gather(r.add(batch[:0], m), len(m.Payload))
		case <-ctx.Done():
			return nil
		}
		if err := r.judgeBatch(ctx, batch); err != nil {
			return err
		}
	}
}

// gather adds what else has arrived, within the bounds.
func (r *Receiver) gather(batch []receive.Message, size int) []receive.Message {
	for len(batch) < maxTogether && size < maxTogetherBytes {
		select {
		case m := <-r.arrived:
			size += len(m.Payload)
			batch = r.add(batch, m)
		default:
			return batch
		}
	}
	return batch
}

// judgeBatch tries until the batch is judged: a key on a token or a sink may be
// away for a while, and nothing is acknowledged before.
func (r *Receiver) judgeBatch(ctx context.Context, batch []receive.Message) error {
	for {
		_, err := r.judge.HandleBatch(ctx, batch)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, receive.ErrBroken) {
			return err
		}
		r.log.Error("messages wait: they cannot be judged or stored", "count", len(batch), "error", err)
		r.pause(ctx)
	}
}

// add turns a delivery into a message. Gateways' states, beacons and receipts are
// not messages; a topic that is none of ours says nothing about the site or the
// device, and what the message itself says is judged.
func (r *Receiver) add(batch []receive.Message, m mqtt.Received) []receive.Message {
	message := receive.Message{Payload: m.Payload, Received: time.Now(), Retained: m.Retained, Ack: m.Ack}
	topic, err := mqtt.ParseTopic(m.Topic)
	switch {
	case err != nil:
	case topic.Kind == mqtt.KindState, topic.Kind == mqtt.KindBeacon, topic.Kind == mqtt.KindReceipt, len(m.Payload) == 0:
		m.Ack()
		return batch
	default:
		message.Site = topic.Site
		message.Device = kidOf(topic.Device)
	}
	return append(batch, message)
}

func kidOf(hexDigits string) keys.KeyID {
	var kid keys.KeyID
	if !unhex(kid[:], hexDigits) {
		return keys.KeyID{}
	}
	return kid
}

// watchRoster reads the roster anew every few seconds, so that a device that is
// revoked is refused within seconds.
func (r *Receiver) watchRoster(ctx context.Context) error {
	tick := time.NewTicker(r.conf.rosterPeriod)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		before := r.identity.Roster.Serial
		roster, err := r.identity.ReadRoster()
		switch {
		case err == nil:
			said = ""
		case said != err.Error():
			said = err.Error()
			if roster == nil {
				r.log.Error("the roster cannot be read: the one before is used", "error", err)
			} else {
				r.log.Error("pre-shared keys cannot be read: what their devices seal does not open", "error", err)
			}
		}
		if roster != nil && roster.Serial != before {
			r.roster.set(roster)
			r.log.Info("the roster has changed", "serial", roster.Serial)
		}
	}
}

const rosterPeriod = 5 * time.Second

// directory is the roster as package receive asks for it.
type directory struct {
	roster atomic.Pointer[identity.Roster]
}

func newDirectory(roster *identity.Roster) *directory {
	d := new(directory)
	d.set(roster)
	return d
}

func (d *directory) set(roster *identity.Roster) { d.roster.Store(roster) }

// Expected implements receive.Expecter. A gateway's own device speaks when it has
// something to say.
func (d *directory) Expected() (kids []keys.KeyID) {
	for _, entry := range d.roster.Load().Devices {
		if entry.Name != entry.Gateway && entry.Revoked.IsZero() {
			kids = append(kids, entry.KeyID)
		}
	}
	return kids
}

// Lookup implements receive.Directory.
func (d *directory) Lookup(kid keys.KeyID) (receive.Device, bool) {
	roster := d.roster.Load()
	entry, ok := roster.Device(kid)
	if !ok {
		return receive.Device{}, false
	}
	return receive.Device{
		Key: entry.PublicKey, Name: entry.Name, Gateway: entry.Gateway,
		Revoked: entry.Revoked, NotAfter: entry.NotAfter, Issued: roster.Issued,
	}, true
}

func (r *Receiver) connected(s mqtt.State) {
	if s.Connected {
		r.log.Info("connected to the broker", "broker", r.conf.Broker)
		signal(r.subscribed)
	} else if s.Err != nil {
		r.log.Warn("not connected to the broker", "broker", r.conf.Broker, "error", s.Err, "retry", s.Retry)
	}
	if r.conf.OnState != nil {
		r.conf.OnState(s)
	}
}
