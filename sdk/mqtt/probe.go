package mqtt

import (
	"context"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// Probe connects and says goodbye, once: certificates both ways, TLS 1.3 and
// CONNECT are tried for real. It uses ClientID with "-probe" added, so that it
// does not end the running agent's connection, and leaves no session and no
// message behind. A failed attempt gives an *Error with its Reason and Hint.
// What the access list allows it cannot tell: see the package documentation.
func Probe(ctx context.Context, c Config) error {
	c.Will, c.Online = nil, nil
	conf, err := c.settings()
	if err != nil {
		return err
	}
	o := paho.NewClientOptions().SetClientID(conf.ClientID + "-probe").SetCleanSession(true).SetOrderMatters(false)
	ss, err := conf.connect(ctx, o, 0)
	if err != nil {
		return err
	}
	ss.close()
	return nil
}
