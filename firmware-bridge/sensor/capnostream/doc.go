// Package capnostream reads Oridion (Covidien, Medtronic) Capnostream monitors: the
// CO2 wave, end-tidal and inspired CO2, respiration, SpO2 and pulse.
//
// # Wiring and settings
//
// USB or RS-232, 115200 8N1, the monitor's communication set to the standard
// (bidirectional) protocol.
//
// # Layout
//
//	85 length code payload check
//
// Length counts code and payload; check is the exclusive or of length, code and
// payload. A byte 85 or 80 in any of them is sent as 80 05 or 80 00: the byte after
// 80 is to be added to it. The check is the same over either.
//
//	code 0   message number, CO2 (whole, then 1/256), fast status: 20 a second
//	code 1   time u32, EtCO2, FiCO2, RR, SpO2, pulse, slow status, 3 unknown, CO2
//	         alarms, SpO2 alarms, seconds without breath, limits: EtCO2 high and low,
//	         RR high and low, FiCO2 high, SpO2 high and low, pulse high and low; CO2
//	         unit, extended CO2 status: once a second
//	code 4   "V" version, date, serial number
//
// FF in place of a number is none.
//
// # What the host does
//
// It enables communication (code 1, "85 01 01 00"), asks for the real-time data (code
// 4, "85 01 04 05") once the monitor said who it is or a second later, and says every
// 5 s that the link is active (code 6, "85 01 06 07"). After 3 s without a message it
// begins anew. These three messages are all that it ever sends: alarm limits and
// patient data could be written with others.
//
// # What is read
//
// MDC codes, and a private one, 1024<<16 | 11<<8 | n:
//
//	MDC_AWAY_CO2               mm[Hg]   wave, 20/s, 1/256 mm[Hg]
//	MDC_AWAY_CO2_ET            mm[Hg]   end-tidal CO2
//	n=1                        mm[Hg]   inspired CO2
//	MDC_CO2_RESP_RATE          /min     respiration
//	MDC_PULS_OXIM_SAT_O2       %        SpO2
//	MDC_PULS_OXIM_PULS_RATE    /min     pulse
//
// A wave is 20 samples, fewer before one that is missing or not valid. If the monitor
// is set to another unit than mmHg (or has not told it yet), the wave has no unit
// and no scale, and the CO2 numbers are NotAvailable: how they are scaled is known
// from one source only.
//
//   - Of the wave's status: filter line not connected is SensorDisconnected,
//     malfunction EquipmentMalfunction, initialisation Early and SignalProcessing,
//     occlusion, purging and flow measurement SignalPoor, of the CO2 numbers too.
//   - SpO2 sensor off, disconnected, or no pulse found: SensorOff, SensorDisconnected,
//     SignalSearching of SpO2 and pulse. Numbers of a sensor that is off are
//     NotAvailable.
//   - Alarms as vital.Alert at begin and end, with value and limit; the metric is
//     InAlarm meanwhile. Priorities are inferred: no breath and low SpO2 are high, other
//     limits medium, sensors, calibration and battery low.
//   - Version and serial number as identification.
//
// Not read: the names and numbers of patients (codes 2, 12, 57, 58), events and
// trends, rainbow parameters and IPI, who made the oximeter, silenced alarms, end of
// breath, and the monitor's clock.
//
// # Errors on the line
//
// Frames counts messages with a right check; bad are those with a wrong one or a wrong
// escape, those that a new one cuts off, and runs of bytes that belong to none. The
// check is of eight bits: it notices every single flipped bit but one that takes an
// escape away, and then one error in 256 is not noticed.
//
// # Sources
//
// openICE (mdpnp/mdpnp) devices/oridion and DemoCapnostream20.java; Oridion's operator's
// manual of the Capnostream 20p, "Data transfer via the USB port", for 20 samples a
// second, in mmHg.
package capnostream
