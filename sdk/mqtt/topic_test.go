package mqtt_test

import (
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/mqtt"
)

const (
	device = "0123456789abcdef"
	eid    = "fedcba9876543210"
)

func TestTopicRoundTrip(t *testing.T) {
	for name, want := range map[string]mqtt.Topic{
		"vs1/north/gw-1/" + device + "/data":          {Kind: mqtt.KindData, Site: "north", Gateway: "gw-1", Device: device},
		"vs1/north/gw-1/" + device + "/event":         {Kind: mqtt.KindEvent, Site: "north", Gateway: "gw-1", Device: device},
		"vs1/north/gw-1/" + device + "/anchor/" + eid: {Kind: mqtt.KindAnchor, Site: "north", Gateway: "gw-1", Device: device, EID: eid},
		"vs1/north/gw-1/state":                        {Kind: mqtt.KindState, Site: "north", Gateway: "gw-1"},
		"vs1/north/state/state":                       {Kind: mqtt.KindState, Site: "north", Gateway: "state"},
		"vs1/north/gw-1/receipt/station":              {Kind: mqtt.KindReceipt, Site: "north", Gateway: "gw-1", Receiver: "station"},
		"vs1/north/gw-1/receipt/data":                 {Kind: mqtt.KindReceipt, Site: "north", Gateway: "gw-1", Receiver: "data"},
		"vs1/north/receipt/receipt/receipt":           {Kind: mqtt.KindReceipt, Site: "north", Gateway: "receipt", Receiver: "receipt"},
		"vs1/north/beacon/state":                      {Kind: mqtt.KindBeacon, Site: "north", Receiver: "state"},
		"vs1/" + strings.Repeat("a", 64) + "/0/state": {Kind: mqtt.KindState, Site: strings.Repeat("a", 64), Gateway: "0"},
	} {
		got, err := mqtt.ParseTopic(name)
		if err != nil || got != want {
			t.Errorf("ParseTopic(%q) = %+v, %v; want %+v", name, got, err, want)
		}
		if got.String() != name {
			t.Errorf("%+v.String() = %q, want %q", got, got.String(), name)
		}
	}
}

func TestTopicRefused(t *testing.T) {
	for _, name := range []string{
		"", "vs1", "vs1/", "vs1//gw/state", "vs2/north/gw/state", "/vs1/north/gw/state", "vs1/north/gw/state/",
		"vs1/north/gw/other", "vs1/North/gw/state", "vs1/n_rth/gw/state", "vs1/nörth/gw/state", "vs1/north/gw\x00/state",
		"vs1/+/gw/state", "vs1/north/#", "vs1/north/+/state", "vs1/north/beacon/+", "vs1/north/beacon/",
		"vs1/" + strings.Repeat("a", 65) + "/gw/state",
		"vs1/north/gw/0123456789ABCDEF/data", "vs1/north/gw/0123456789abcde/data", "vs1/north/gw/0123456789abcdef0/data",
		"vs1/north/gw/" + device + "/anchor", "vs1/north/gw/" + device + "/anchor/", "vs1/north/gw/" + device + "/anchor/+",
		"vs1/north/gw/" + device + "/data/" + eid, "vs1/north/gw/" + device + "/anchor/" + eid + "/x",
		"vs1/north/gw/receipt", "vs1/north/gw/receipt/", "vs1/north/gw/receipt/+", "vs1/north/gw/receipt/A", "vs1/north/gw/receipt/r/x",
		"vs1/north/beacon/receipt/r",
		"vs1/north/beacon/" + device + "/data", // the beacons' branch is no gateway
	} {
		if got, err := mqtt.ParseTopic(name); err == nil {
			t.Errorf("ParseTopic(%q) = %+v, want an error", name, got)
		}
	}
}

func TestTopicWithBadFieldIsNoName(t *testing.T) {
	for _, topic := range []mqtt.Topic{
		{},
		{Kind: "other", Site: "north", Gateway: "gw"},
		{Kind: mqtt.KindState, Site: "north", Gateway: "beacon"},
		{Kind: mqtt.KindState, Site: "north", Gateway: "gw/x"},
		{Kind: mqtt.KindState, Site: "#", Gateway: "gw"},
		{Kind: mqtt.KindState, Site: "north", Gateway: "gw", Device: device},
		{Kind: mqtt.KindData, Site: "north", Gateway: "gw"},
		{Kind: mqtt.KindData, Site: "north", Gateway: "gw", Device: device, EID: eid},
		{Kind: mqtt.KindBeacon, Site: "north", Gateway: "gw", Receiver: "r"},
		{Kind: mqtt.KindReceipt, Site: "north", Gateway: "gw"},
		{Kind: mqtt.KindReceipt, Site: "north", Receiver: "r"},
		{Kind: mqtt.KindReceipt, Site: "north", Gateway: "gw", Receiver: "r", Device: device},
	} {
		if topic.Check() == nil || topic.String() != "" {
			t.Errorf("%+v: Check() = %v, String() = %q", topic, topic.Check(), topic.String())
		}
	}
}

func FuzzParseTopic(f *testing.F) {
	f.Add("vs1/north/gw-1/" + device + "/data")
	f.Add("vs1/north/gw-1/" + device + "/anchor/" + eid)
	f.Add("vs1/north/gw-1/state")
	f.Add("vs1/north/beacon/r-1")
	f.Add("vs1/north/gw-1/receipt/r-1")
	f.Add("vs1/+/#")
	f.Fuzz(func(t *testing.T, name string) {
		topic, err := mqtt.ParseTopic(name)
		if err != nil {
			return
		}
		if topic.String() != name {
			t.Errorf("ParseTopic(%q).String() = %q", name, topic.String())
		}
		if strings.ContainsAny(name, "+#\x00 ") {
			t.Errorf("ParseTopic accepts %q", name)
		}
	})
}
