package sensortest

import (
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// Replay plays the transcript in the file to the driver's decoder.
func Replay(t *testing.T, d sensor.Decoder, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := replay(d, string(data)); err != nil {
		t.Errorf("%s:%v", file, err)
	}
}

// replay's errors begin with the number of a line.
func replay(d sensor.Decoder, transcript string) error {
	p := newPlayer(d)
	number := 0
	for line := range strings.Lines(transcript) {
		number++
		if line = strings.TrimSpace(line); line == "" || line[0] == ';' {
			continue
		}
		if err := p.step(line); err != nil {
			return fmt.Errorf("%d: %w", number, err)
		}
	}
	if err := p.settled(); err != nil {
		return fmt.Errorf("%d: at the end %w", number, err)
	}
	return nil
}

// player is one line with its clock.
type player struct {
	decoder sensor.Decoder
	asker   sensor.Asker // nil: the device speaks by itself
	now     time.Duration
	due     time.Duration // of the next Ask
	sent    []byte        // by the host, not yet in the transcript
	batch   vital.Batch
	made    []string // by the decoder, not yet in the transcript
}

func newPlayer(d sensor.Decoder) *player {
	p := &player{decoder: d}
	p.asker, _ = d.(sensor.Asker)
	p.open()
	return p
}

func (p *player) step(line string) error {
	kind, rest, _ := strings.Cut(line, " ")
	switch rest = strings.TrimSpace(rest); kind {
	case "host":
		want, err := bytesOf(rest)
		if err != nil {
			return err
		}
		if len(p.sent) < len(want) || string(p.sent[:len(want)]) != string(want) {
			return fmt.Errorf("the host sent % X, not % X (%q)", p.sent, want, p.sent)
		}
		p.sent = p.sent[len(want):]
	case "device":
		sent, err := bytesOf(rest)
		if err != nil {
			return err
		}
		p.decode(sent)
	case "at":
		at, err := time.ParseDuration(rest)
		if err != nil {
			return err
		}
		p.until(at)
	case "open":
		if err := p.settled(); err != nil {
			return err
		}
		p.open()
	case "flush":
		p.decoder.Flush(&p.batch)
		p.keep()
	default:
		if len(p.made) == 0 {
			return fmt.Errorf("the driver made nothing, not %s", line)
		}
		if p.made[0] != line {
			return fmt.Errorf("the driver made\n\t%s\nnot\n\t%s", strings.Join(p.made, "\n\t"), line)
		}
		p.made = p.made[1:]
	}
	return nil
}

// settled says what the transcript did not mention.
func (p *player) settled() error {
	if len(p.sent) > 0 {
		return fmt.Errorf("the host also sent % X (%q)", p.sent, p.sent)
	}
	if len(p.made) > 0 {
		return fmt.Errorf("the driver also made\n\t%s", strings.Join(p.made, "\n\t"))
	}
	return nil
}

func (p *player) open() {
	p.now = 0
	if p.asker != nil {
		p.asker.Open()
		p.ask()
	}
}

// until asks whenever the driver wants to be asked.
func (p *player) until(at time.Duration) {
	for p.asker != nil && p.due <= at {
		p.now = max(p.now, p.due)
		p.ask()
	}
	p.now = at
}

func (p *player) decode(sent []byte) {
	p.decoder.Decode(&p.batch, sent)
	p.keep()
	p.ask()
}

func (p *player) keep() {
	p.made = append(p.made, Lines(&p.batch)...)
	p.batch.Reset()
}

func (p *player) ask() {
	if p.asker == nil {
		return
	}
	p.sent, p.due = p.asker.Ask(p.sent, p.now)
	if p.due <= p.now {
		p.due = p.now + time.Millisecond // it wants to be asked again at once
	}
}

// bytesOf reads hexadecimal bytes and quoted strings.
func bytesOf(text string) ([]byte, error) {
	var out []byte
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		if text[0] == '"' {
			quoted, err := strconv.QuotedPrefix(text)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", text, err)
			}
			s, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", text, err)
			}
			out, text = append(out, s...), text[len(quoted):]
			continue
		}
		word, rest, _ := strings.Cut(text, " ")
		b, err := hex.DecodeString(word)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", word, err)
		}
		out, text = append(out, b...), rest
	}
	return out, nil
}
