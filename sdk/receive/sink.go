package receive

import (
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Sink takes what a receiver finds. It is used by one goroutine at a time.
type Sink interface {
	// Write takes one record. The record and all it points to are the receiver's:
	// they are good until Write returns.
	Write(*Record) error
	// Sync returns when all records written are durable. No message is
	// acknowledged before.
	Sync() error
}

// Marker is a Sink that can go back. The receiver keeps the mark in its state,
// and after a crash has the sink discard what the state does not account for;
// it comes again.
type Marker interface {
	// Mark returns the position after the last Sync, at most 64 bytes.
	Mark() ([]byte, error)
	// Rewind discards what was written after mark.
	Rewind(mark []byte) error
}

// Meta is what all lines of one message have in common.
type Meta struct {
	Verdict  Verdict // zero: none, as for readings decoded beside the device
	Site     string
	Device   keys.KeyID // as its message names it, authentic or not
	Name     string     // of the device in the directory, if it is there
	Seq      uint64     // zero: none, or not known
	Received time.Time  // zero: not received
	Clock    seal.Clock // of the anchor; zero: the device has none
	Label    string     // the opaque name of a bed or an encounter
	Test     bool       // the anchor says: not a patient
}

// Record is one finding: a message with readings, a refusal, or an event.
type Record struct {
	Meta

	EID    seal.EID // the chain concerned; zero: none, or not known
	Boot   uint64   // of the chain an "anchor" event begins
	First  uint64   // the range of sequence numbers of a gap or of what filled it
	Last   uint64
	Reason string // why it was refused, or why messages are missing
	Count  uint64 // refused messages that this stands for, the newest of them described; zero: one
	Event  string // "anchor" and "grant" for what is valid and holds no readings

	// Batch has the readings; nil unless the verdict is Valid. The readings of a
	// message that fills a gap are Valid too: Filled is a Record of its own.
	Batch *vital.Batch
}
