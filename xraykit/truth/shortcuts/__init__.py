"""What a model still answers on altered films: without the lungs, without the borders, turned, blurred."""
