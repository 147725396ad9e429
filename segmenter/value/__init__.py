"""What people will be worth, and how segments rank by it: customer lifetime value, naive rankings, segment value."""
