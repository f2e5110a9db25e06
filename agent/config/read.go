package config

import (
	"path/filepath"
	"time"
)

const nameHint = `a name has 1 to 64 of a-z, A-Z, 0-9, ".", "_" and "-", and starts with none of "." and "-"`

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
		Sensors: top.sensors(),
	}
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

// name reads a required name.
func (s *section) name(key, hint string) string {
	text, ok := s.required(key, hint)
	if ok && !validName(text) {
		s.wrong(key, nameHint, "bad name %q for %q%s", text, key, s.in())
	}
	return text
}

func (s *section) broker() Broker {
	b, _ := s.table("broker", "[broker]")
	defer b.finish()
	return Broker{
		URL:         b.url("url"),
		CA:          b.optionalFile("ca"),
		Certificate: b.optionalFile("certificate"),
		Key:         b.optionalFile("key"),
		Window:      b.integer("window", 64, 1, 1024),
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
	return Outbox{MaxSize: o.size("max_size", 256<<20, 1<<20, 1<<50)}
}
