//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// small has segments that are begun and used again all the time.
func small(dir string) outbox.Config {
	return outbox.Config{Dir: dir, SegmentBytes: 64 << 10, MaxBytes: 2 << 20, Headroom: 1 << 20}
}

// record is the record of a number, which its payload tells.
func record(n int, rng *rand.Rand) outbox.Record {
	class := outbox.Data
	if rng.IntN(10) == 0 {
		class = outbox.Alert
	}
	return outbox.Record{
		Class: class, Device: [8]byte{'d'}, Anchor: [8]byte{'a'}, Seq: uint64(n),
		Topic: "vs1/site/gateway/device/data", Payload: payload(n, 16+rng.IntN(1500)),
	}
}

func payload(n, size int) []byte {
	p := bytes.Repeat([]byte{byte(n), byte(n >> 8), 0x56, 0xa5}, (size+3)/4)
	binary.BigEndian.PutUint64(p, uint64(n))
	return p
}

// The words of the log: below "c:N" all records are committed; "a:N,N" are about to
// be acknowledged, and may go.
const (
	wordCommitted    = "c:"
	wordAcknowledged = "a:"
)

// work fills and drains an outbox and marks in the log what it was promised. It
// closes the outbox and opens it again now and then, and returns how many records
// there were.
func work(conf outbox.Config, mark func(string) error, rng *rand.Rand, commits int) (n int, err error) {
	for done := 0; done < commits; {
		q, err := outbox.Open(conf)
		if err != nil {
			return n, err
		}
		for range min(20+rng.IntN(40), commits-done) {
			if n, err = fill(q, n, rng); err != nil {
				return n, err
			}
			done++
			if err := mark(wordCommitted + strconv.Itoa(n)); err != nil {
				return n, err
			}
			if err := acknowledge(q, mark, rng); err != nil {
				return n, err
			}
		}
		if err := q.Close(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// fill commits some records, from number n on.
func fill(q *outbox.Queue, n int, rng *rand.Rand) (int, error) {
	for range 1 + rng.IntN(12) {
		if _, err := q.Append(record(n, rng)); err != nil {
			return n, err
		}
		n++
	}
	return n, q.Commit()
}

// waiting returns what waits.
func waiting(q *outbox.Queue) (all []outbox.Record, err error) {
	urgent, live, backlog := q.Readers()
	defer urgent.Close()
	defer live.Close()
	defer backlog.Close()
	for _, r := range []*outbox.Reader{urgent, backlog} {
		for {
			rec, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			rec.Payload = bytes.Clone(rec.Payload)
			all = append(all, rec)
		}
	}
	return all, nil
}

// acknowledge takes most of what waits, so that segments come and go.
func acknowledge(q *outbox.Queue, mark func(string) error, rng *rand.Rand) error {
	if q.Stats().Records < 60 {
		return nil
	}
	all, err := waiting(q)
	if err != nil {
		return err
	}
	for len(all) > 0 {
		some := all[:min(len(all), 40)] // whose numbers one mark has room for
		all = all[len(some):]
		var numbers []string
		var ids []uint64
		for _, r := range some {
			if rng.IntN(6) > 0 {
				numbers, ids = append(numbers, strconv.FormatUint(r.Seq, 10)), append(ids, r.ID)
			}
		}
		if err := mark(wordAcknowledged + strings.Join(numbers, ",")); err != nil {
			return err
		}
		for _, id := range ids {
			if err := q.Ack(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// owed is what a cut may not take: the records below committed, but for those in
// gone.
type owed struct {
	committed, all int
	gone           map[int]bool
}

// verdict compares an outbox after a cut with what is owed.
func (o *owed) verdict(conf outbox.Config) (v verdict, err error) {
	if _, err := outbox.Check(conf.Dir); err != nil {
		return v, err
	}
	q, err := outbox.Open(conf)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	all, err := waiting(q)
	if err != nil {
		return v, err
	}
	seen := map[int]bool{}
	for _, r := range all {
		n := int(r.Seq)
		if n >= o.all || !bytes.Equal(r.Payload, payload(n, len(r.Payload))) {
			return v, fmt.Errorf("record %d is not what was put in", n)
		}
		if seen[n] {
			v.doubled++
		}
		seen[n] = true
		if o.gone[n] {
			v.again++
		}
		if n >= o.committed {
			v.kept++
		}
	}
	for n := range o.committed {
		if !seen[n] && !o.gone[n] {
			v.lost++
		}
	}
	return v, nil
}

// verdict is what was found after a cut, or after all of them.
type verdict struct {
	lost, doubled int
	again         int // acknowledged, and there again
	kept          int // not committed, and there
}
