package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

// frameView is a frame of the link for people and for programs. What a kind of
// frame does not have is left out.
type frameView struct {
	Frame     string `json:"frame"`
	Version   byte   `json:"version,omitempty"`
	Plain     bool   `json:"plain,omitempty"`  // a hello: it sends readings
	Sealed    bool   `json:"sealed,omitempty"` // a hello: it sends envelopes
	MaxFrame  uint16 `json:"max_frame,omitempty"`
	Window    *byte  `json:"window,omitempty"`
	Session   uint32 `json:"session,omitempty"`
	Base      uint32 `json:"base,omitempty"`
	Seq       uint32 `json:"seq,omitempty"`
	Next      uint32 `json:"next,omitempty"`
	Uptime    uint64 `json:"uptime_ms,omitempty"`
	Dropped   uint32 `json:"dropped,omitempty"`
	Bad       uint32 `json:"bad,omitempty"`
	Level     *byte  `json:"level,omitempty"`
	Text      string `json:"text,omitempty"`
	Key       string `json:"key,omitempty"` // as the frame or the envelope says, not verified
	Firmware  string `json:"firmware,omitempty"`
	Reason    byte   `json:"reason,omitempty"`
	Unix      uint64 `json:"unix_ms,omitempty"`
	Beacon    string `json:"beacon,omitempty"`
	Bytes     int    `json:"bytes,omitempty"` // of what it carries
	Malformed bool   `json:"malformed,omitempty"`
}

// linkFrames prints the frames of a recorded link, either direction or both.
type linkFrames struct {
	decoder link.Decoder
	batch   vital.Batch
	out     []byte
}

// decodeLink reads the stream to its end.
func decodeLink(c *call, in io.Reader) error {
	var f linkFrames
	f.decoder.Reset(make([]byte, link.MaxFrame))
	buf := make([]byte, piece)
	read := 0
	for {
		n, err := in.Read(buf)
		read += n
		for rest := buf[:n]; ; {
			var frame []byte
			if frame, rest = f.decoder.Next(rest); frame == nil {
				break
			}
			if err := f.print(c.stdout, frame); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
	}
	good, bad := f.decoder.Counts()
	fmt.Fprintf(c.stderr, "good %d, bad %d\n", good, bad)
	if good == 0 && read > 0 {
		return &hinted{fmt.Errorf("none of %d bytes could be decoded as %q", read, "link"),
			"does the device speak the link, and was the rate of the line right?"}
	}
	return nil
}

// print prints a frame, and behind one of plain readings what it holds.
func (f *linkFrames) print(out io.Writer, frame []byte) error {
	v, err := view(frame)
	if err != nil {
		v = frameView{Frame: v.Frame, Malformed: true}
	}
	text, err := json.Marshal(&v)
	if err != nil {
		return err
	}
	f.out = append(appendASCII(f.out[:0], text), '\n')
	if d, err := link.ParseData(frame); err == nil && d.Type == link.TypeReadings && f.batch.Decode(d.Body) == nil {
		f.out = receive.AppendBatch(f.out, receive.Meta{}, &f.batch)
	}
	_, err = out.Write(f.out)
	return err
}

// appendASCII appends JSON with all but printable ASCII escaped: what a foreign device says
// is not to turn a terminal's direction.
func appendASCII(dst, text []byte) []byte {
	for _, r := range string(text) {
		switch {
		case r < 0x7f:
			dst = append(dst, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
	}
	return dst
}

// view reads a frame. Its kind is set with an error too.
func view(frame []byte) (v frameView, err error) {
	switch t := link.Type(frame[0]); t {
	case link.TypeHello:
		v.Frame = "hello"
		var m link.Hello
		m, err = link.ParseHello(frame)
		v.Version, v.MaxFrame, v.Session, v.Base = m.Version, m.MaxFrame, m.Session, m.Base
		v.Plain, v.Sealed = m.Capabilities&link.CapPlain != 0, m.Capabilities&link.CapSealed != 0
		v.Firmware = string(m.Firmware)
		if (m.KeyID != link.KeyID{}) {
			v.Key = hex.EncodeToString(m.KeyID[:])
		}
	case link.TypeProof:
		v.Frame = "proof"
		var m link.Proof
		m, err = link.ParseProof(frame)
		v.Session = m.Session
	case link.TypeHeartbeat:
		v.Frame = "heartbeat"
		var m link.Heartbeat
		m, err = link.ParseHeartbeat(frame)
		v.Session, v.Uptime, v.Next, v.Dropped, v.Bad = m.Session, m.Now, m.Next, m.Dropped, m.Bad
	case link.TypeLog:
		v.Frame = "log"
		var m link.Log
		m, err = link.ParseLog(frame)
		v.Session, v.Level, v.Text = m.Session, &m.Level, string(m.Text)
	case link.TypeReadings, link.TypeAnchor, link.TypeSealed:
		return viewData(t, frame)
	default:
		return viewAnswer(t, frame)
	}
	return v, err
}

// viewData reads a frame that carries something.
func viewData(t link.Type, frame []byte) (v frameView, err error) {
	v.Frame = map[link.Type]string{link.TypeReadings: "readings", link.TypeAnchor: "anchor", link.TypeSealed: "sealed"}[t]
	m, err := link.ParseData(frame)
	if err != nil {
		return v, err
	}
	v.Session, v.Seq, v.Uptime, v.Bytes = m.Session, m.Seq, m.Now, len(m.Body)
	if envelope, err := seal.Parse(m.Body); t != link.TypeReadings && err == nil {
		v.Key = envelope.KeyID().String()
	}
	return v, nil
}

// viewAnswer reads a frame of the gateway, or one of an unknown type.
func viewAnswer(t link.Type, frame []byte) (v frameView, err error) {
	switch t {
	case link.TypeWelcome:
		v.Frame = "welcome"
		var m link.Welcome
		m, err = link.ParseWelcome(frame)
		v.Version, v.MaxFrame, v.Window, v.Session = m.Version, m.MaxFrame, &m.Window, m.Session
	case link.TypeAck:
		v.Frame = "ack"
		var m link.Ack
		m, err = link.ParseAck(frame)
		v.Session, v.Next, v.Window = m.Session, m.Next, &m.Window
	case link.TypeRefuse:
		v.Frame = "refuse"
		var m link.Refuse
		m, err = link.ParseRefuse(frame)
		v.Session, v.Reason = m.Session, byte(m.Reason)
	case link.TypeTime:
		v.Frame = "time"
		var m link.Time
		m, err = link.ParseTime(frame)
		v.Unix = m.UnixMilli
		if m.Beacon != [16]byte{} {
			v.Beacon = hex.EncodeToString(m.Beacon[:])
		}
	case link.TypePoll:
		v.Frame = "poll"
		_, err = link.ParsePoll(frame)
	default:
		v.Frame, v.Bytes = fmt.Sprintf("type-%02x", byte(t)), len(frame)-1
	}
	return v, err
}
