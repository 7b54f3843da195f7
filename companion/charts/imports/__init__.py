"""Charts that other programs wrote, as charts of ours."""
