package sdk

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// Pipeline seals, keeps and publishes for the devices of one gateway.
type Pipeline struct {
	conf    Config
	log     *slog.Logger
	gateway *identity.Gateway
	site    string
	queue   *outbox.Queue
	state   *state
	feed    *feed
	ring    *ring
	roster  rosterFile

	receipts *receipts

	wakes  chan struct{} // something is waiting
	urgent chan struct{} // do not wait for Every
	cancel context.CancelFunc
	done   sync.WaitGroup
	final  chan struct{} // closed by Close: commit once more, then end
	heardC chan struct{} // signalled when the broker has said whether there is a beacon
	commit chan struct{} // closed when the committer has ended
	silent chan struct{} // closed when publishing has ended
	hasty  chan struct{} // closed when Close has no time left

	mu         sync.Mutex
	devices    []*Device
	carriers   []*Carrier
	syncs      []waiter
	closed     bool
	beacons    []heardBeacon
	listens    bool      // beacons are heard
	deafSince  time.Time // when beacons could last be heard; zero: they are, and are echoed
	commitErr  error
	connection ConnectionStats

	damage damage    // the committer's, and Close's once that has ended
	low    bool      // the committer's: the disk had too little left when it last looked
	stored time.Time // the committer's: when data last went to the disk
}

// Open opens the outbox and begins to publish what is in it. Devices are added
// with Device. ctx ends publishing; Close ends the pipeline.
func Open(ctx context.Context, conf Config) (*Pipeline, error) {
	if err := conf.fill(); err != nil {
		return nil, err
	}
	gateway, err := identity.LoadGateway(conf.Identity)
	if err != nil {
		return nil, err
	}
	if conf.Data == "" {
		conf.Data = filepath.Join(conf.Identity, "data")
	}
	queue, err := outbox.Open(outbox.Config{Dir: conf.Data, MaxBytes: conf.MaxStored, FS: conf.files})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	p := &Pipeline{
		conf: conf, log: conf.Logger, gateway: gateway, site: gateway.Site.Name, queue: queue,
		wakes: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
		final: make(chan struct{}), commit: make(chan struct{}), heardC: make(chan struct{}, 1),
		silent: make(chan struct{}), hasty: make(chan struct{}),
		roster: rosterFile{gateway: gateway, log: conf.Logger, period: conf.periods.roster, began: now, read: now},
	}
	if conf.Recover != nil {
		conf.Recover(recoverer(queue))
	}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, queue.Close())
	}
	p.speakOn()
	if s := queue.Stats(); s.Torn > 0 || s.Corrupt > 0 {
		p.wake() // there is damage to sign for, even if no device is added
	}
	return p, nil
}

// speakOn has the gateway's own device go on if it ever spoke: receivers wait for
// its heartbeats.
func (p *Pipeline) speakOn() {
	d, ok := p.gateway.Roster.DeviceNamed(p.gateway.Name)
	if !ok || !p.state.knows(d.KeyID) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.own(); err != nil {
		p.log.Error("the gateway has no identity of its own any more", "error", err)
	}
}

func (p *Pipeline) start(ctx context.Context) error {
	var err error
	if p.state, err = openState(filepath.Join(p.conf.Data, "chains.json")); err != nil {
		return err
	}
	p.listen(false)
	p.feed = newFeed(p.queue, &p.conf, p.acknowledged, p.anchorsAgain)
	p.ring = p.feed.ring
	if p.receipts, err = p.newReceipts(); err != nil {
		return err
	}
	p.feed.deaf = p.deaf
	publisher, err := mqtt.NewPublisher(p.publisherConfig())
	if err != nil {
		return err
	}
	beacons, err := mqtt.NewSubscriber(p.beaconConfig())
	if err != nil {
		return err
	}
	ctx, p.cancel = context.WithCancel(ctx)
	p.done.Go(func() {
		defer close(p.silent)
		p.keepRunning(ctx, "publishing", func() error { return publisher.Run(ctx, p.feed) })
	})
	p.done.Go(func() {
		p.keepRunning(ctx, "listening for beacons", func() error { return beacons.Run(ctx, p.filters(), p.heard) })
	})
	if p.receipts.wanted() {
		p.done.Go(func() { p.receipts.run(ctx, p.conf.periods.housekeeping) })
	}
	go p.commits()
	return nil
}

// keepRunning runs again what ended with an error of its own, such as a disk that
// could not be read: a pipeline does not stop publishing while it is open.
func (p *Pipeline) keepRunning(ctx context.Context, what string, run func() error) {
	for {
		err := run()
		if ctx.Err() != nil || err == nil {
			return
		}
		p.log.Error(what+" ended and is begun again", "error", err)
		timer := time.NewTimer(p.conf.periods.retryRun)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

func (p *Pipeline) publisherConfig() mqtt.Config {
	state := mqtt.Topic{Kind: mqtt.KindState, Site: p.site, Gateway: p.gateway.Name}.String()
	return mqtt.Config{
		Broker: p.conf.Broker, ClientID: p.gateway.Name, Credentials: p.credentials(),
		Window: p.conf.Window, OnState: p.connected, MaxBackoff: p.conf.periods.backoff,
		Will:   &mqtt.Message{Topic: state, Payload: []byte("offline"), Retain: true},
		Online: &mqtt.Message{Topic: state, Payload: []byte("online"), Retain: true},
	}
}

// credentials gives certificates, read anew at each connection: the gateway's own
// unless the configuration names others.
func (p *Pipeline) credentials() func() (tls.Certificate, *x509.CertPool, error) {
	if p.conf.Credentials != (mqtt.Files{}) {
		return p.conf.Credentials.Load
	}
	return p.gateway.Credentials
}

// filters are what a gateway listens for: beacons, and its own receipts if it waits
// for any.
func (p *Pipeline) filters() []string {
	all := []string{"vs1/" + p.site + "/" + string(mqtt.KindBeacon) + "/+"}
	if p.receipts.wanted() {
		all = append(all, "vs1/"+p.site+"/"+p.gateway.Name+"/"+string(mqtt.KindReceipt)+"/+")
	}
	return all
}

// Gateway returns the name of the gateway.
func (p *Pipeline) Gateway() string { return p.gateway.Name }

// Device returns the handle for a device whose identity is in the gateway's
// directory. A second call with the same name returns the same handle. An
// identity that another process holds or whose permissions are loose is refused.
// Its chain is begun in the background; while that fails, because the boot
// record or the roster cannot be read or written, readings wait, Sync returns
// why, and so does Stats.
func (p *Pipeline) Device(name string) (*Device, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	return p.device(name)
}

// device is Device, also while the pipeline is being closed. p.mu is held.
func (p *Pipeline) device(name string) (*Device, error) {
	for _, d := range p.devices {
		if d.name == name {
			return d, nil
		}
	}
	for _, c := range p.carriers {
		if c.name == name {
			return nil, &hintError{fmt.Sprintf("vitalseal: device %q seals for itself: this gateway carries it", name), "give each device one port"}
		}
	}
	id, err := p.gateway.LoadDevice(name)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	d := &Device{pipeline: p, name: name, now: newSpan(now, originLead, "")}
	d.chain = &chain{pipeline: p, device: d, identity: id, sealer: seal.NewSealer(id), sealing: new(vital.Batch)}
	d.kid = d.chain.sealer.KeyID()
	d.chain.topics()
	d.now.open.Events = append(d.now.open.Events, vital.Event{Time: d.now.origin.since(now), Kind: vital.EventStarted})
	p.devices = append(p.devices, d)
	p.wake()
	return d, nil
}

// Event seals a fact that the gateway itself has noticed, and that is none of a
// device's to say: a foreign device on a port, say. It is sealed as the device
// that has the gateway's own name, whose chain begins with the first event, and at each
// start from then on.
func (p *Pipeline) Event(e vital.Event) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	own, err := p.own()
	p.mu.Unlock()
	if err != nil {
		return err
	}
	return own.Event(e)
}

// own returns the gateway's own device, also while the pipeline is being closed.
// p.mu is held.
func (p *Pipeline) own() (*Device, error) {
	own, err := p.device(p.gateway.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &hintError{
			fmt.Sprintf("vitalseal: gateway %q has no identity of its own to seal with", p.gateway.Name),
			`renew the site's certificates ("vitalseal site renew"), which makes it, and copy the gateway's directory here again`,
		}
	}
	return own, err
}

// Clock returns the wall time and the bound on its error, as anchors have it; zero
// while this machine has not been told the time.
func (p *Pipeline) Clock() seal.Clock {
	now := time.Now()
	if !now.After(clockFloor) {
		return seal.Clock{}
	}
	return seal.Clock{UnixMilli: now.UnixMilli(), Error: clockError()}
}

// Sync returns when everything recorded or carried before the call is on disk: a
// power cut after that loses none of it. It returns the error of a commit that
// failed, and what was waiting goes on waiting.
func (p *Pipeline) Sync(ctx context.Context) error { return p.sync(ctx, nil) }

// Sync is Pipeline.Sync for this device alone: another that cannot be sealed for
// does not stand in its way.
func (d *Device) Sync(ctx context.Context) error { return d.pipeline.sync(ctx, d) }

// waiter waits for a commit.
type waiter struct {
	of   any // *Device, *Carrier, or nil for all of them
	done chan error
}

func (p *Pipeline) sync(ctx context.Context, of any) error {
	done := make(chan error, 1)
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	p.syncs = append(p.syncs, waiter{of, done})
	p.mu.Unlock()
	p.hurry()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("sync: %w", context.Cause(ctx))
	}
}

// Close seals and stores what is waiting, gives the publisher until ctx ends (or
// Open's does) to have the broker acknowledge it, and closes the outbox. What was not
// acknowledged, or not signed for by the receivers of Config.Receipts, is sent when
// the pipeline is opened again. An error says that
// something was not stored.
func (p *Pipeline) Close(ctx context.Context) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	p.closed = true
	for _, d := range p.devices {
		d.stop(time.Now())
	}
	p.mu.Unlock()
	for _, c := range p.allCarriers() { // not under p.mu, which a carrier takes under its own lock
		c.stop()
	}
	stop := context.AfterFunc(ctx, func() { close(p.hasty) })
	defer stop()
	close(p.final)
	<-p.commit
	p.drain(ctx)
	kept := p.lastKept(time.Now())
	if p.lastDamage(time.Now()) {
		p.drain(ctx)
	}
	p.cancel()
	p.done.Wait()
	p.lastDamage(time.Now())
	errs := []error{p.commitError()}
	for _, d := range p.devices {
		if errs[0] == nil {
			p.state.ended(d.kid, d.chain.sealer.Checkpoint())
		}
		errs = append(errs, d.chain.end())
	}
	p.saveState() // while the directory is ours
	p.noteAll()   // Queue.Close commits
	closed := p.queue.Close()
	if closed == nil {
		p.committed()
	}
	return errors.Join(append(errs, kept, closed)...)
}

// drain waits until the broker has acknowledged all, or ctx ends. It does not wait
// for receipts: a receiver may be away for as long as it likes.
func (p *Pipeline) drain(ctx context.Context) {
	for {
		acked := p.feed.acked() // before the look, so that none is missed
		if (p.queue.Stats().Records == 0 || p.feed.idle()) && p.ring.Stats().Waiting == 0 {
			return
		}
		select {
		case <-acked:
		case <-p.silent:
			return
		case <-ctx.Done():
			return
		}
	}
}

// wake has the committer look; hurry has it not wait for Every.
func (p *Pipeline) wake()  { signal(p.wakes) }
func (p *Pipeline) hurry() { signal(p.urgent) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// heard takes what receivers say to gateways.
func (p *Pipeline) heard(m mqtt.Received) {
	defer m.Ack()
	if topic, err := mqtt.ParseTopic(m.Topic); err == nil && topic.Kind == mqtt.KindReceipt {
		p.receipts.take(topic.Receiver, m.Payload, time.Now())
		return
	}
	p.heardBeacon(m)
}

func (p *Pipeline) deviceByKey(kid keys.KeyID) *Device {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.devices {
		if d.kid == kid {
			return d
		}
	}
	return nil
}
