package main

import (
	"path/filepath"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
)

// bed is one patient's sensor.
type bed struct {
	device string     // the identity that seals its readings
	driver string     // the protocol it speaks
	rate   vital.Code // the heart rate that is shown
}

// beds returns the ward's three.
func beds() []bed {
	return []bed{
		{"bed-1", "nonin-df2", vital.PulseRate},
		{"bed-2", "masimo-ascii1", vital.PulseRate},
		{"bed-3", "lines", vital.HeartRate},
	}
}

const (
	siteName    = "ward-3"
	gatewayName = "gateway-1"
	stationName = "station"
)

// site is the ward's keys and certificates, in a directory of its own.
type site struct {
	dir    string
	roster *identity.Roster
}

// makeSite does what an administrator does once, with `vitalseal site`.
func makeSite(dir string, beds []bed) (*site, error) {
	admin, err := identity.CreateSite(dir, siteName, identity.SiteOptions{})
	if err != nil {
		return nil, err
	}
	if _, err := admin.AddRecipient(stationName, identity.RecipientOptions{}); err != nil {
		return nil, err
	}
	if err := admin.AddBroker(nil); err != nil {
		return nil, err
	}
	if err := admin.AddGateway(gatewayName); err != nil {
		return nil, err
	}
	for _, b := range beds {
		if _, err := admin.AddDevice(gatewayName, b.device, identity.DeviceOptions{}); err != nil {
			return nil, err
		}
	}
	return &site{dir: dir, roster: admin.Roster()}, nil
}

func (s *site) gateway() string { return filepath.Join(s.dir, "gateways", gatewayName) }
func (s *site) station() string { return filepath.Join(s.dir, "recipients", stationName) }
func (s *site) broker() string  { return filepath.Join(s.dir, "broker") }

// device returns what the roster, which is public, says about a device.
func (s *site) device(name string) identity.Device {
	d, _ := s.roster.DeviceNamed(name) // makeSite made it
	return d
}

// topic returns where the gateway publishes what a device sealed.
func (s *site) topic(device string) string {
	return mqtt.Topic{
		Kind: mqtt.KindData, Site: siteName, Gateway: gatewayName, Device: s.device(device).KeyID.String(),
	}.String()
}
