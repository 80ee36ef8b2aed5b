package lang

import (
	"math/big"
	"net"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// network reads the argument i, which must be a network in CIDR form.
func network(args []cty.Value, i int) (*net.IPNet, error) {
	_, n, err := net.ParseCIDR(args[i].AsString())
	if err != nil {
		return nil, function.NewArgErrorf(i, "%q is not a network: write it like 10.20.0.0/16", args[i].AsString())
	}
	return n, nil
}

// whole reads the argument i, which must be a whole number.
func whole(args []cty.Value, i int) (*big.Int, error) {
	f := args[i].AsBigFloat()
	if !f.IsInt() || f.MantExp(nil) > 128 {
		return nil, function.NewArgErrorf(i, "a whole number is wanted, not larger than an address")
	}
	n, _ := f.Int(nil)
	return n, nil
}

// bits reads the argument i, a number of bits to add to a prefix.
func bits(args []cty.Value, i int) (int, error) {
	n, err := whole(args, i)
	if err == nil && (!n.IsInt64() || n.Int64() < 0 || n.Int64() > 128) {
		err = function.NewArgErrorf(i, "a number of bits from 0 to 128 is wanted")
	}
	if err != nil {
		return 0, err
	}
	return int(n.Int64()), nil
}

// cidrHostFunc is the address with a number in a network.
func cidrHostFunc() function.Function {
	return function.New(&function.Spec{
		Description: "Gives the address with a number in a network; negative numbers count from its end.",
		Params:      []function.Parameter{{Name: "prefix", Type: cty.String}, {Name: "hostnum", Type: cty.Number}},
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			n, err := network(args, 0)
			if err != nil {
				return cty.NilVal, err
			}
			num, err := whole(args, 1)
			if err != nil {
				return cty.NilVal, err
			}
			ip, err := cidr.HostBig(n, num)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(1, "%s", err)
			}
			return cty.StringVal(ip.String()), nil
		},
	})
}

// cidrNetmaskFunc is the mask of an IPv4 network: "255.255.0.0".
func cidrNetmaskFunc() function.Function {
	return function.New(&function.Spec{
		Description: "Gives the mask of an IPv4 network, like 255.255.0.0.",
		Params:      []function.Parameter{{Name: "prefix", Type: cty.String}},
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			n, err := network(args, 0)
			if err != nil {
				return cty.NilVal, err
			}
			if n.IP.To4() == nil {
				return cty.NilVal, function.NewArgErrorf(0, "IPv6 has no netmasks")
			}
			return cty.StringVal(net.IP(n.Mask).String()), nil
		},
	})
}

// cidrSubnetFunc is the network with a number, some bits longer than prefix.
func cidrSubnetFunc() function.Function {
	return function.New(&function.Spec{
		Description: "Gives the network with a number inside another, whose prefix is shorter by newbits.",
		Params:      []function.Parameter{{Name: "prefix", Type: cty.String}, {Name: "newbits", Type: cty.Number}, {Name: "netnum", Type: cty.Number}},
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			n, err := network(args, 0)
			if err != nil {
				return cty.NilVal, err
			}
			extra, err := bits(args, 1)
			if err != nil {
				return cty.NilVal, err
			}
			num, err := whole(args, 2)
			if err == nil && num.Sign() < 0 {
				err = function.NewArgErrorf(2, "a network has no negative number")
			}
			if err != nil {
				return cty.NilVal, err
			}
			sub, err := cidr.SubnetBig(n, extra, num)
			if err != nil {
				return cty.NilVal, err
			}
			return cty.StringVal(sub.String()), nil
		},
	})
}

// cidrSubnetsFunc cuts consecutive networks out of prefix, each some bits longer.
func cidrSubnetsFunc() function.Function {
	return function.New(&function.Spec{
		Description: "Cuts consecutive networks out of one, each with a prefix longer by a number of bits.",
		Params:      []function.Parameter{{Name: "prefix", Type: cty.String}},
		VarParam:    &function.Parameter{Name: "newbits", Type: cty.Number},
		Type:        function.StaticReturnType(cty.List(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			n, err := network(args, 0)
			if err != nil {
				return cty.NilVal, err
			}
			length, total := n.Mask.Size()
			var out []cty.Value
			var last *net.IPNet
			for i := 1; i < len(args); i++ {
				extra, err := bits(args, i)
				if err != nil {
					return cty.NilVal, err
				}
				if extra == 0 || length+extra > total {
					return cty.NilVal, function.NewArgErrorf(i, "a prefix of /%d can be longer by 1 to %d bits", length, total-length)
				}
				if last == nil {
					last, err = cidr.Subnet(n, extra, 0)
				} else {
					var over bool
					last, over = cidr.NextSubnet(last, length+extra)
					if over || !n.Contains(last.IP) {
						return cty.NilVal, function.NewArgErrorf(i, "no space is left in %s for another network", n)
					}
				}
				if err != nil {
					return cty.NilVal, err
				}
				out = append(out, cty.StringVal(last.String()))
			}
			if len(out) == 0 {
				return cty.ListValEmpty(cty.String), nil
			}
			return cty.ListVal(out), nil
		},
	})
}
