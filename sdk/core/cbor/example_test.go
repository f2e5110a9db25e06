package cbor_test

import (
	"fmt"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
)

func Example() {
	b := cbor.AppendArray(nil, 2)
	b = cbor.AppendUint(b, 150456)
	b = cbor.AppendInt(b, 98)
	fmt.Printf("%x\n", b)

	r := cbor.NewReader(b)
	r.ArrayLen(2)
	code, value := r.Uint(), r.Int()
	fmt.Println(code, value, r.Done())
	// Output:
	// 821a00024bb81862
	// 150456 98 <nil>
}
