package vital_test

import (
	"fmt"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// A pulse oximeter reports; the batch becomes a payload and a batch again.
func Example() {
	var b vital.Batch
	spo2, err := vital.ParseDecimal([]byte("97"))
	if err != nil {
		fmt.Println(err)
		return
	}
	b.Numerics = append(b.Numerics,
		vital.Numeric{Time: 4000, Code: vital.SpO2, Unit: vital.Percent, Value: spo2},
		vital.Numeric{Time: 4000, Code: vital.PulseRate, Unit: vital.BeatsPerMinute, Value: vital.NaN,
			Status: vital.NotAvailable | vital.SensorOff})
	payload, err := b.Append(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d bytes\n", len(payload))

	var received vital.Batch
	if err := received.Decode(payload); err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range received.Numerics {
		fmt.Printf("%s %s %s %v\n", n.Code.RefID(), n.Value.AppendText(nil), n.Unit.UCUM(), n.Status.Names())
	}
	// Output:
	// 36 bytes
	// MDC_PULS_OXIM_SAT_O2 97 % []
	// MDC_PULS_OXIM_PULS_RATE NaN /min [not-available sensor-off]
}
