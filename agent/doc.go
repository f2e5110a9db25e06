// Package agent is the gateway at the bedside: it reads the sensors on its serial
// ports, and seals, keeps and publishes what they say.
//
// Each sensor runs by itself. One whose port is gone, whose decoder fails or
// whose identity cannot be used never stops another; what happened is sealed as
// an event of that device, so that a receiver can tell a pulled cable from a
// quiet patient and both from an attack.
package agent
