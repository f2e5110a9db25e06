package receive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Receiver judges messages. Its methods may be called from several goroutines;
// they take turns.
type Receiver struct {
	conf   Config
	state  *state
	clock  clock
	beacon seal.Beacon
	wake   chan struct{} // for Run: a deadline may have come nearer

	mu          sync.Mutex
	broken      error // why nothing more can be done before the state is opened anew
	mark        []byte
	devices     map[keys.KeyID]*device
	uses        uint64
	presence    map[keys.KeyID]*presence
	limits      map[kind]limit
	expectAgain time.Time // when the directory is asked anew whom it expects; zero: it is not
	pending     pending
	openers     openers
	stats       stats
	receipts    receipts

	verifier seal.Verifier
	batch    vital.Batch
	plain    []byte
	rec      Record
}

// Result is what became of one message.
type Result struct {
	Verdict Verdict // zero while Pending
	Device  keys.KeyID
	EID     seal.EID // zero if the message is not authentic
	Seq     uint64
	Pending bool   // it waits, in the state, for its anchor or for one that vouches for it
	Reason  string // why it is refused
}

// ErrBroken is returned by Handle and Tick once the state could not be stored,
// since it is not known then what is on the disk. Close the Receiver and the
// sink, and open them anew: nothing that was acknowledged is lost.
var ErrBroken = errors.New("receive: state could not be stored: close and open it anew")

// Open opens the state at Config.StatePath or makes it, and puts the sink back
// to where the state says that it was. Silences are counted from now on.
func Open(conf Config) (*Receiver, error) {
	if err := conf.complete(); err != nil {
		return nil, err
	}
	s, err := openState(conf.StatePath, conf.Site, conf.DuplicateMessages)
	if err != nil {
		return nil, err
	}
	r := &Receiver{
		conf: conf, state: s, wake: make(chan struct{}, 1),
		devices: map[keys.KeyID]*device{}, presence: map[keys.KeyID]*presence{}, limits: map[kind]limit{},
		openers:  openers{max: conf.Openers},
		stats:    newStats(),
		receipts: newReceipts(),
	}
	if err := r.restore(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return r, nil
}

// restore reads what is in memory from the state.
func (r *Receiver) restore() error {
	beacon, err := r.state.get(bucketMeta, metaBeacon)
	if err != nil || len(beacon) != len(r.beacon) {
		return errors.Join(fmt.Errorf("receive: beacon in the state: %w", errState), err)
	}
	r.beacon = seal.Beacon(beacon)
	if r.conf.Beacon != (seal.Beacon{}) {
		r.beacon = r.conf.Beacon
	}
	if err := r.restoreMark(); err != nil {
		return err
	}
	kids, err := r.state.kids()
	if err != nil {
		return fmt.Errorf("receive: state: %w", err)
	}
	now := r.conf.Clock()
	if err := errors.Join(r.restoreClock(now), r.restorePending(now)); err != nil {
		return err
	}
	for _, kid := range kids {
		d, err := r.state.load(kid)
		if err != nil {
			return err
		}
		r.presence[kid] = &presence{heard: now, interval: d.interval, silent: d.silent, unheard: d.first == 0}
		r.stats.see(d)
		r.receipts.note(d, d.newest, now)
	}
	r.expect(now)
	return nil
}

// restoreClock goes on from how long receivers have run. A state of an earlier
// version does not say.
func (r *Receiver) restoreClock(now time.Time) error {
	ran, err := r.state.get(bucketMeta, metaRan)
	if err != nil || ran != nil && len(ran) != 8 {
		return errors.Join(fmt.Errorf("receive: clock in the state: %w", errState), err)
	}
	r.clock = clock{opened: now, began: now}
	if ran != nil {
		r.clock.before = time.Duration(big(ran)) * time.Millisecond
	}
	return nil
}

// restoreMark puts the sink back to the mark in the state. A state without one
// has just been made, and whatever the sink has stays.
func (r *Receiver) restoreMark() error {
	m, ok := r.conf.Sink.(Marker)
	if !ok {
		return nil
	}
	mark, err := r.state.get(bucketMeta, metaMark)
	if err != nil {
		return fmt.Errorf("receive: state: %w", err)
	}
	if mark != nil {
		if err := m.Rewind(mark); err != nil {
			return err
		}
	}
	if r.mark, err = m.Mark(); err != nil {
		return err
	}
	if err := r.state.put(bucketMeta, metaMark, r.mark); err != nil {
		return fmt.Errorf("receive: storing the state: %w", err)
	}
	return nil
}

// Beacon returns the value to publish, retained, for devices to echo.
func (r *Receiver) Beacon() seal.Beacon { return r.beacon }

// Handle judges one message. See HandleBatch.
func (r *Receiver) Handle(ctx context.Context, m Message) (Result, error) {
	results, err := r.HandleBatch(ctx, []Message{m})
	if err != nil {
		return Result{}, err
	}
	return results[0], nil
}

// HandleBatch judges messages in order and makes what follows from them durable
// with one write to the sink and one to the state; then it calls their Ack. The
// results are in the order of the messages.
//
// A refused message is no error. An error says that none of the messages took
// effect and none is acknowledged: the sink failed, ctx was over before it
// began, or Secrets had ErrUnavailable. After ErrBroken the Receiver is of no
// more use.
func (r *Receiver) HandleBatch(ctx context.Context, messages []Message) ([]Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	results := make([]Result, len(messages))
	err := r.work(r.conf.Clock(), func(w *work) {
		for i := range messages {
			m := messages[i]
			if m.Received.IsZero() {
				m.Received = w.now
			}
			results[i] = w.judge(&m, w.now, nil)
			w.judgeReady()
		}
	})
	if err != nil {
		return nil, err
	}
	r.settle()
	return results, nil
}

// settle judges what a transaction has left for the next, so that it comes before
// what arrives next. What fails is tried again by Tick, which Next then asks for.
func (r *Receiver) settle() {
	for r.unsettled() {
		if err := r.work(r.conf.Clock(), (*work).judgeReady); err != nil {
			r.conf.Logger.Error("messages that waited cannot be judged or stored", "error", err)
			r.nudge()
			return
		}
	}
}

func (r *Receiver) unsettled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.broken == nil && len(r.pending.ready) > 0
}

// Close writes what it held back of refusals, and closes the state, which has the
// messages that wait for their anchor. After ErrBroken it only closes. It does not
// close the sink.
func (r *Receiver) Close() error {
	r.mu.Lock()
	broken := r.broken
	r.mu.Unlock()
	var last error
	if broken == nil {
		last = r.work(r.conf.Clock(), func(w *work) { w.held(true) })
	}
	return errors.Join(last, r.close())
}

func (r *Receiver) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if errors.Is(r.broken, errClosed) {
		return nil
	}
	var err error
	if r.broken == nil {
		err = r.state.put(bucketMeta, metaRan, appendBig(nil, uint64(r.clock.ran(r.conf.Clock()).Milliseconds())))
	}
	r.broken = errClosed
	r.openers.erase()
	r.pending = newPending()
	if err = errors.Join(err, r.state.close()); err != nil {
		return fmt.Errorf("receive: closing the state: %w", err)
	}
	return nil
}

var errClosed = errors.New("receive: receiver is closed")

// work is one transaction: what is judged together and made durable together.
type work struct {
	r       *Receiver
	now     time.Time
	touched []*device
	acks    []func()
	counts  []count
	judged  []chainName    // chains of the authentic messages that were judged
	limits  map[kind]limit // what they were, nil: as they are
	lines   int
	err     error // the first failure; nothing is done after it

	parked, unparked      []*held // held now, and not any more
	retried, retriedBytes int     // judged of those that were held
}

// work runs f as a transaction.
func (r *Receiver) work(now time.Time, f func(*work)) error {
	w := &work{r: r, now: now}
	if err := r.transact(w, f); err != nil {
		return err
	}
	for _, ack := range w.acks {
		ack()
	}
	return nil
}

func (r *Receiver) transact(w *work, f func(*work)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return r.broken
	}
	before := slices.Clone(r.pending.ready)
	f(w)
	if w.err == nil {
		w.err = w.commit()
	}
	if w.err != nil {
		w.rollBack(before)
		return w.err
	}
	w.finish()
	return nil
}

// commit makes the lines durable, then the state.
func (w *work) commit() error {
	r := w.r
	mark := r.mark
	if w.lines > 0 {
		if err := r.conf.Sink.Sync(); err != nil {
			return err
		}
		if m, ok := r.conf.Sink.(Marker); ok {
			var err error
			if mark, err = m.Mark(); err != nil {
				return err
			}
		}
	}
	if len(w.touched)+len(w.parked)+len(w.unparked) == 0 && string(mark) == string(r.mark) {
		return nil
	}
	if err := r.state.commit(w.touched, w.parked, w.unparked, mark, &r.clock, w.now); err != nil {
		// The lines stay: whether the state has their mark decides at the next Open.
		r.conf.Logger.Error("storing the state failed", "error", err)
		r.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return r.broken
	}
	r.mark = mark
	return nil
}

// rollBack forgets the transaction.
func (w *work) rollBack(before []ready) {
	r := w.r
	for _, d := range w.touched {
		delete(r.devices, d.kid)
	}
	w.undoPending(before)
	if w.limits != nil {
		r.limits = w.limits
	}
	if r.broken != nil {
		return
	}
	if m, ok := r.conf.Sink.(Marker); ok {
		if err := m.Rewind(r.mark); err != nil {
			r.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		}
	}
}

// finish brings what is in memory only up to date.
func (w *work) finish() {
	r := w.r
	for _, d := range w.touched {
		p, known := r.presence[d.kid]
		if !known {
			p = &presence{}
			r.presence[d.kid] = p
		}
		if d.spoke || !known {
			p.heard = w.now
		}
		if p.interval != d.interval || p.silent != d.silent {
			r.nudge()
		}
		p.interval, p.silent, p.unheard = d.interval, d.silent, d.first == 0
		p.never = p.never && p.unheard
		d.stored()
		r.stats.see(d)
	}
	for _, c := range w.counts {
		r.stats.add(c)
	}
	for _, name := range w.judged {
		r.receipts.note(r.devices[name.kid], name.eid, w.now)
	}
	for _, h := range w.parked {
		h.payload = nil // the state has it
	}
	r.pending.compact()
	r.trimDevices()
}

// touch returns a device to be changed.
func (w *work) touch(kid keys.KeyID) *device {
	d := w.device(kid)
	if d != nil && !slices.Contains(w.touched, d) {
		w.touched = append(w.touched, d)
	}
	return d
}

// device returns a device to be looked at, nil after an error.
func (w *work) device(kid keys.KeyID) *device {
	r := w.r
	d, ok := r.devices[kid]
	if !ok {
		var err error
		if d, err = r.state.load(kid); err != nil {
			w.err = cmp.Or(w.err, err)
			return nil
		}
		r.devices[kid] = d
	}
	r.uses++
	d.used = r.uses
	return d
}

// trimDevices lets go of the devices used longest ago. All of them are stored.
func (r *Receiver) trimDevices() {
	for len(r.devices) > r.conf.Devices {
		var least *device
		for _, d := range r.devices {
			if least == nil || d.used < least.used {
				least = d
			}
		}
		delete(r.devices, least.kid)
	}
}

// record writes one record and counts it.
func (w *work) record(rec *Record, registered bool) {
	if w.err != nil {
		return
	}
	w.count(rec.Device, registered, rec.Verdict)
	w.write(rec)
}

func (w *work) write(rec *Record) {
	if w.err != nil {
		return
	}
	w.lines++
	if err := w.r.conf.Sink.Write(rec); err != nil {
		w.err = err
	}
}

func (w *work) count(kid keys.KeyID, registered bool, v Verdict) {
	w.counts = append(w.counts, count{kid, registered, v})
}

func (w *work) ack(m *Message) {
	if m.Ack != nil {
		w.acks = append(w.acks, m.Ack)
	}
}
