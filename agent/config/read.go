package config

import (
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/sdk/identity"
)

// config reads the whole document.
func (r *reader) config() *Config {
	top := &section{reader: r, m: r.doc.root}
	cfg := &Config{
		Site:    top.site(),
		Data:    top.data(),
		Gateway: top.gateway(),
		Broker:  top.broker(),
		Batch:   top.batch(),
		Outbox:  top.outbox(),
		Status:  top.status(),
	}
	cfg.Sensors = top.sensors(cfg.Gateway.Name)
	top.finish()
	r.unknown()
	return cfg
}

func (s *section) site() string {
	text, ok := s.required("site", "the directory that `vitalseal site` made")
	if !ok {
		return ""
	}
	return s.file("site", text)
}

func (s *section) data() string {
	if name := s.optionalFile("data"); name != "" {
		return name
	}
	return filepath.Join(s.dir, "data")
}

func (s *section) gateway() Gateway {
	g, _ := s.table("gateway", "[gateway]")
	defer g.finish()
	return Gateway{Name: g.name("name", "the name in the gateway's certificate")}
}

// name reads a required name, by the rule that identities are made by.
func (s *section) name(key, hint string) string {
	text, ok := s.required(key, hint)
	if !ok {
		return ""
	}
	if err := identity.CheckName(text); err != nil {
		s.wrong(key, hintOf(err), "%s for %q%s", strings.TrimPrefix(err.Error(), "identity: "), key, s.in())
	}
	return text
}

// hintOf returns the hint that an error brings along.
func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

func (s *section) broker() Broker {
	b, _ := s.table("broker", "[broker]")
	defer b.finish()
	broker := Broker{
		URL:         b.url("url"),
		CA:          b.optionalFile("ca"),
		Certificate: b.optionalFile("certificate"),
		Key:         b.optionalFile("key"),
		Window:      b.integer("window", 64, 1, 1024),
	}
	b.together("ca", "certificate", "key")
	return broker
}

// together reports keys that are missing beside others of their group.
func (s *section) together(keys ...string) {
	for _, key := range keys {
		if _, ok := s.m[key]; ok {
			continue
		}
		for _, other := range keys {
			if _, ok := s.m[other]; ok {
				s.missing(key, "give all of "+strings.Join(keys, ", ")+", or none for the files in the site directory")
				break
			}
		}
	}
}

func (s *section) url(key string) string {
	text, ok := s.required(key, `such as "mqtts://broker.example:8883"`)
	if !ok {
		return ""
	}
	clean, hint, err := brokerURL(text)
	if err != nil {
		s.wrong(key, hint, "%v", err)
	}
	return clean
}

func (s *section) batch() Batch {
	b, _ := s.table("batch", "[batch]")
	defer b.finish()
	return Batch{
		Every:     b.duration("every", time.Second, 0, time.Minute),
		Heartbeat: b.duration("heartbeat", 30*time.Second, time.Second, time.Hour),
	}
}

func (s *section) outbox() Outbox {
	o, _ := s.table("outbox", "[outbox]")
	defer o.finish()
	return Outbox{
		MaxSize:     o.size("max_size", 256<<20, 1<<20, 1<<50),
		Receipts:    o.receipts("receipts"),
		BacklogRate: o.integer("backlog_rate", 200, 0, 1e6),
	}
}

// receipts returns names of recipients, each once.
func (s *section) receipts(key string) []string {
	names := s.strings(key)
	for i, name := range names {
		at := s.at.key(key).element(i)
		if err := identity.CheckName(name); err != nil {
			s.wrongAt(at, hintOf(err), "%s for %q%s", strings.TrimPrefix(err.Error(), "identity: "), key, s.in())
		} else if slices.Contains(names[:i], name) {
			s.wrongAt(at, "", "%q%s names %q twice", key, s.in(), name)
		}
	}
	if len(names) > maxReceipts {
		s.wrong(key, "", "%q%s has %d names, more than %d", key, s.in(), len(names), maxReceipts)
	}
	return names
}

const maxReceipts = 16

func (s *section) status() Status {
	t, _ := s.table("status", "[status]")
	defer t.finish()
	return Status{Listen: t.loopback("listen")}
}

// loopback returns an address of this machine alone with a port, or "". A name is
// refused: what it stands for can change.
func (s *section) loopback(key string) string {
	const form = `write "127.0.0.1:9273"`
	text, ok := s.str(key)
	if !ok || text == "" {
		return ""
	}
	at, err := netip.ParseAddrPort(text)
	switch {
	case err != nil:
		s.wrong(key, form, "bad address %q for %q%s", text, key, s.in())
	case !at.Addr().Unmap().IsLoopback():
		s.wrong(key, form+"; whoever asks from elsewhere comes through a proxy that knows them",
			"address %q for %q%s is not loopback", text, key, s.in())
	case at.Port() == 0:
		s.wrong(key, form, "port 0 for %q%s", key, s.in())
	}
	return at.String()
}
